"""Builds the enrichment service: two lanes of one stage, and the workers that ask providers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import asyncpg

from schemas.base import Lane
from schemas.lead import LeadCaptured
from schemas.topics import captured, enriched
from services.enrichment import store
from services.enrichment.asking import Asking
from services.enrichment.config import FILE, EnrichmentConfig, missing_secrets, parse
from services.enrichment.handlers import Enricher
from services.enrichment.http import router
from services.enrichment.jobs import Jobs
from services.enrichment.late import Late
from services.enrichment.providers.registry import Providers
from services.enrichment.store import erasing
from services.runtime import erasure
from services.runtime.configfile import ConfigError, Fault
from services.runtime.outbox import Outbox
from services.runtime.service import Context
from services.runtime.settings import Secrets
from services.runtime.stage import StageSpec

_MOST_RECORDS: Final = {Lane.LIVE: 500, Lane.BULK: 50}
_HOUSEKEEPING_S: Final = 600.0


async def build(ctx: Context) -> None:
    """Declare what this process does; the shell starts it."""
    live = await ctx.config(_checked(ctx.secrets))
    asking = Asking(Providers(_secret(ctx.secrets), _now), ctx.metrics, _now)

    def config() -> EnrichmentConfig:
        return live.current.value

    outboxes: dict[Lane, Outbox] = {}
    for lane in Lane:
        pool = await ctx.pool(lane)
        outbox = outboxes[lane] = ctx.outbox("enrichment", lane)
        jobs = Jobs(lane, pool, outbox, config, asking, ctx.metrics, _now)
        enricher = Enricher(lane, outbox, config, _now, jobs.wake, ctx.metrics)
        ctx.lane(lane).add(
            StageSpec(
                name="enrichment" if lane is Lane.LIVE else "enrichment.bulk",
                service="enrichment",
                lane=lane,
                inputs=(captured(lane),),
                model=LeadCaptured,
                outputs=(enriched(lane),),
                handler=enricher.handle,
                max_records=_MOST_RECORDS[lane],
                on_acknowledged=outbox.acknowledged,
            )
        )
        ctx.task(f"jobs.{lane.value}", jobs.run)
    ctx.lane(Lane.BULK).add(erasure.stage("enrichment", outboxes[Lane.BULK], erasing.forget))
    bulk = await ctx.pool(Lane.BULK)
    late = Late(bulk, outboxes, config, ctx.metrics, _now)
    ctx.app.include_router(router(late))
    ctx.task("housekeeping", lambda: _keep_house(bulk, late))
    # At the drain alone: a loop that fails is begun again, a client that was closed stays closed.
    ctx.drain_with(asking.close)


def _checked(secrets: Secrets) -> Callable[[Mapping[str, str]], EnrichmentConfig]:
    """``parse``, which here also refuses a provider whose secret is not set."""

    def check(files: Mapping[str, str]) -> EnrichmentConfig:
        config = parse(files)
        faults = missing_secrets(config, frozenset(secrets.names()))
        if faults:
            raise ConfigError(Fault(FILE, 1, path, message) for path, message in faults)
        return config

    return check


def _secret(secrets: Secrets) -> Callable[[str], str | None]:
    def value(name: str) -> str | None:
        known = secrets.get(name)
        return known[0].decode() if known else None

    return value


async def _keep_house(pool: asyncpg.Pool, late: Late) -> None:
    """Forget what is stale."""
    while True:
        async with pool.acquire() as conn:
            await store.forget(conn)
        await late.forget()
        await asyncio.sleep(_HOUSEKEEPING_S)


def _now() -> datetime:
    return datetime.now(UTC)
