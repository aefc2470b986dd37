"""What a routing decision costs: run ``python -m tests.benchmarks.routing``.

A real Postgres (embedded, fsync on). Each case has a pool of so many reps, so many rules before the
one that fires, territory tables of so many rows and so many accounts. Measured are a batch of 200
leads (decisions per second), batches of one (p50 and p99), and the same statements as a batch of
200 sends, with the same parameters and nothing else, for the bare time.

``--accounts N`` bounds the largest accounts table (1,000,000 unless told otherwise), ``--rounds N``
the number of batches of 200. ``--markdown`` prints the table of docs/benchmarks/routing.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from schemas.base import Lane
from schemas.topics import SCORED
from services.routing.companies import Company
from services.routing.config import parse
from services.routing.handlers import Router
from services.routing.plan import Plan
from services.runtime import migrate
from services.runtime.configstore import ConfigStore, LiveConfig
from services.runtime.embedded.postgres import EmbeddedPostgres
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.outbox_sql import claim_of
from services.runtime.process import collect_less, loop_factory
from services.runtime.records import Output, Record
from tests.benchmarks.routing.sizes import Size, companies_of, configuration, leads
from tests.integration.routing.desk import record
from tests.support.postgres import database_of

BATCH, SINGLES = 200, 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One case. Times in milliseconds."""

    reps: int
    rules: int
    territory_rows: int
    accounts: int
    per_second: float
    """Decisions, in batches of 200."""
    batch: float
    """Median of a batch of 200, committed."""
    bare: float
    """Median of its statements alone, committed."""
    ratio: float
    p50: float
    """Of a batch of one."""
    p99: float


class Recording(asyncpg.Connection):  # type: ignore[misc]
    """A connection that remembers what it was asked."""

    asked: list[tuple[str, str, tuple[Any, ...]]]

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        self._note("execute", query, args)
        return str(await super().execute(query, *args, timeout=timeout))

    async def fetch(self, query: str, *args: Any, **options: Any) -> list[Any]:
        self._note("fetch", query, args)
        return list(await super().fetch(query, *args, **options))

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        self._note("fetchrow", query, args)
        return await super().fetchrow(query, *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        self._note("fetchval", query, args)
        return await super().fetchval(query, *args, **options)

    def _note(self, how: str, query: str, args: tuple[Any, ...]) -> None:
        if (asked := getattr(self, "asked", None)) is not None and args:
            asked.append((how, query, args))


class _Undone(Exception):
    pass


class _Dry(Outbox):
    """Decides and stores, then takes it back: only to learn the statements."""

    def __init__(self, pool: asyncpg.Pool, publish: Any, metrics: Metrics) -> None:
        super().__init__("routing", pool, publish, metrics)
        self.asked: list[tuple[str, str, tuple[Any, ...]]] = []

    @contextlib.asynccontextmanager
    async def _claiming(
        self, inputs: Mapping[UUID, Record[Any]]
    ) -> AsyncIterator[tuple[asyncpg.Connection, set[UUID], dict[UUID, datetime]]]:
        leads = {record.event.lead.lead_id for record in inputs.values()}
        claim = claim_of(self._sql, inputs, leads)
        async with self._pool.acquire() as proxy, proxy.transaction():
            raw = proxy._con
            await raw.execute(claim)
            raw.asked = self.asked = [("execute", claim, ())]
            try:
                yield raw, set(inputs), {}
            finally:
                raw.asked = None
            raise _Undone


def _now() -> datetime:
    return datetime.now(UTC)


async def _publish(outputs: Sequence[Output]) -> None:
    pass


async def bare(pool: asyncpg.Pool, router: Router, dry: _Dry, batch: list[Record[Any]]) -> float:
    """Milliseconds of the statements that this batch sends, committed."""
    with contextlib.suppress(_Undone):
        await router.handle(batch)
    asked = dry.asked
    async with pool.acquire() as proxy:
        began = time.perf_counter()
        async with proxy.transaction():
            for how, query, args in asked:
                await getattr(proxy, how)(query, *args)
        return (time.perf_counter() - began) * 1000


async def measure(dsn: str, size: Size, rounds: int) -> Measured:
    """One case on a database of its own that has the accounts."""
    pool = await asyncpg.create_pool(dsn, min_size=2, max_size=2, connection_class=Recording)
    async with pool.acquire() as connection:
        await ConfigStore().publish(connection, configuration(size), "bench", "")
    config: LiveConfig[Plan] = LiveConfig(pool, parse)
    await config.start()
    collect_less()  # as every service does once it has started
    try:
        return await _measured(pool, config, size, rounds)
    finally:
        gc.unfreeze()
        await config.stop()
        pool.terminate()


async def _measured(
    pool: asyncpg.Pool, config: LiveConfig[Plan], size: Size, rounds: int
) -> Measured:
    metrics = Metrics()
    router = Router(Lane.LIVE, Outbox("routing", pool, _publish, metrics), config, _now, metrics)
    dry = _Dry(pool, _publish, metrics)
    trying = Router(Lane.LIVE, dry, config, _now, metrics)
    full: list[float] = []
    alone: list[float] = []
    for turn in range(rounds + 2):
        spent = await _timed(router, _records(size, f"a{turn}", BATCH))
        less = await bare(pool, trying, dry, _records(size, f"b{turn}", BATCH))
        if turn >= 2:  # the first ones warm caches and statements
            full.append(spent)
            alone.append(less)
    ones = [await _timed(router, [one]) for one in _records(size, "s", SINGLES + 20)][20:]
    batch, without = statistics.median(full), statistics.median(alone)
    cuts = statistics.quantiles(ones, n=100)
    return Measured(
        reps=size.reps,
        rules=size.rules,
        territory_rows=size.territory_rows,
        accounts=size.accounts,
        per_second=round(BATCH / batch * 1000),
        batch=round(batch, 1),
        bare=round(without, 1),
        ratio=round(batch / without, 2),
        p50=round(cuts[49], 2),
        p99=round(cuts[98], 2),
    )


async def _timed(router: Router, batch: list[Record[Any]]) -> float:
    began = time.perf_counter()
    await router.handle(batch)
    return (time.perf_counter() - began) * 1000


def _records(size: Size, name: str, count: int) -> list[Record[Any]]:
    return [record(event, SCORED, uuid4()) for event in leads(size, name, count)]


async def _load(connection: asyncpg.Connection, accounts: int) -> None:
    """Straight into the tables: how an import stores them is not what is measured here."""
    for start in range(0, accounts, 50_000):
        some = companies_of(range(start, min(accounts, start + 50_000)))
        await connection.copy_records_to_table(
            "companies",
            schema_name="routing",
            records=[_row(one) for one in some],
            columns=_COLUMNS,
        )
        await connection.copy_records_to_table(
            "company_keys",
            schema_name="routing",
            records=[(key, one.company_id) for one in some for key in sorted(one.keys)],
            columns=("key", "company_id"),
        )


_COLUMNS = (
    "company_id", "name", "domains", "country", "postal_code", "owners", "open_opportunity",
    "customer", "named", "contacts",
)  # fmt: skip


def _row(company: Company) -> tuple[Any, ...]:
    return (
        company.company_id, company.name, list(company.domains), company.country,
        company.postal_code, json.dumps(dict(company.owners)), company.open_opportunity,
        company.customer, company.named, company.contacts,
    )  # fmt: skip


async def _template(dsn: str, accounts: int) -> None:
    """What the cases with so many accounts begin with: those, and not one decision."""
    await _run(dsn, f"create database accounts_{accounts}")
    own = database_of(dsn, f"accounts_{accounts}")
    await asyncio.to_thread(migrate.upgrade, own)
    connection = await asyncpg.connect(own)
    await _load(connection, accounts)
    # Else Postgres tidies a million new rows while the decisions are timed.
    await connection.execute("vacuum (analyze)")
    await connection.execute("checkpoint")
    await connection.close()


async def _run(dsn: str, command: str) -> None:
    control = await asyncpg.connect(dsn)
    await control.execute(command)
    await control.close()


async def run(sizes: Sequence[Size], rounds: int) -> list[Measured]:
    """Every case, one after the other, each on a database of its own."""
    found: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        dsn = server.start()
        try:
            for accounts in {size.accounts for size in sizes}:
                await _template(dsn, accounts)
            for at, size in enumerate(sizes):
                await _run(dsn, f"create database bench_{at} template accounts_{size.accounts}")
                found.append(await measure(database_of(dsn, f"bench_{at}"), size, rounds))
                print(json.dumps(asdict(found[-1])), file=sys.stderr, flush=True)
        finally:
            server.stop()
    return found


def table(found: Sequence[Measured]) -> str:
    """As docs/benchmarks/routing.md holds it."""
    head = (
        "| reps | rules | territory rows | accounts | decisions/s | batch of 200 (ms) | its"
        " statements alone (ms) | ratio | one lead p50 (ms) | p99 (ms) |\n"
    )
    lines = [
        f"| {one.reps} | {one.rules:,} | {one.territory_rows:,} | {one.accounts:,} "
        f"| {one.per_second:,.0f} | {one.batch} | {one.bare} | {one.ratio} | {one.p50} "
        f"| {one.p99} |"
        for one in found
    ]
    return head + "|" + " --- |" * 10 + "\n" + "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args()
    many = given.accounts
    sizes = (
        Size(5, 20, 100_000, 1_000),
        Size(50, 200, 100_000, 1_000),
        Size(500, 20, 100_000, 1_000),
        Size(5, 2_000, 100_000, 1_000),
        Size(5, 20, 100_000, many),
        Size(500, 2_000, 100_000, many),
    )
    with asyncio.Runner(loop_factory=loop_factory()) as runner:  # as every service does
        found = runner.run(run(sizes, given.rounds))
    print(table(found) if given.markdown else json.dumps([asdict(one) for one in found]))


if __name__ == "__main__":
    main()
