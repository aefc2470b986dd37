"""``handraise quarantine``: submissions that were set aside, and letting them go on."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import typer

from services.capture import release as releasing
from services.capture.config import parse
from services.capture.store import quarantine as kept
from services.cli import output, target, whoami
from services.cli.output import CommandError
from services.runtime.configstore import ConfigStore
from services.runtime.installation import LEAD_ID_KEY
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.settings import PREFIX, secrets

_PUBLIC_URL = f"{PREFIX}HTTP__PUBLIC_URL"

app = typer.Typer(help="Quarantine: list, show, release.", no_args_is_help=True)


@app.command("list")
def list_(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only with this reason, e.g. honeypot or bad_signature.")
    ] = None,
    released: Annotated[bool, typer.Option("--released", help="Also those let out.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """The newest first."""

    async def run() -> list[kept.Kept]:
        async with target.connection(target.find(data).postgres) as connection:
            return await kept.latest(
                connection, limit=limit, source=source, reason=reason, released=released
            )

    rows = [_summary(one) for one in asyncio.run(run())]
    if json:
        output.emit({"quarantine": rows})
        return
    columns = ["quarantine_id", "source", "reason", "disposition", "received_at", "detail"]
    output.show(rows, columns, "nothing in quarantine")


@app.command()
def show(
    quarantine_id: UUID, data: output.DataOption = None, json: output.JsonOption = False
) -> None:
    """One submission with its bytes."""

    async def run() -> kept.Kept | None:
        async with target.connection(target.find(data).postgres) as connection:
            return await kept.get(connection, quarantine_id)

    one = asyncio.run(run())
    if one is None:
        raise CommandError(f"there is nothing in quarantine under {quarantine_id}")
    body = one.submission.body.decode("utf-8", "backslashreplace")
    shown = {**_summary(one), "headers": one.submission.headers, "body": body}
    if json:
        output.emit(shown)
        return
    for name, value in shown.items():
        output.stdout.print(f"{name:<16}{value}", markup=False)


@app.command()
def release(
    quarantine_ids: Annotated[list[UUID], typer.Argument(help="As `quarantine list` names them.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Let submissions through, with their original time and lane."""
    released = asyncio.run(_release(target.find(data), quarantine_ids))
    if json:
        output.emit({"released": released})
    else:
        output.say(f"released {len(quarantine_ids)}; the pipeline has them within about a second")


async def _release(where: target.Target, ids: list[UUID]) -> list[UUID]:
    known, public_url = secrets(), _public_url(where)
    submissions: list[UUID] = []
    pool = await asyncpg.create_pool(where.postgres, min_size=1, max_size=1)
    try:
        # Stored for the sweep of a running capture to publish: the decision is durable at once.
        outbox = Outbox("capture", pool, _left_to_sweep, Metrics())
        async with pool.acquire() as connection:
            _, files = await ConfigStore().active(connection)
            config = parse(files)
            names = {one.config.secret for one in config.sources.values() if one.config.secret}
            values = {name: known.get(name) or _generated(where, name) for name in names}
            for one in ids:
                async with connection.transaction():
                    done = await releasing.release(
                        connection,
                        outbox,
                        one,
                        by=whoami.operator(),
                        config=config,
                        secrets=values,
                        public_url=public_url,
                        key=(where.secret(LEAD_ID_KEY) or "").encode(),
                    )
                submissions += done.submission_ids
    except releasing.NotReleased as why:
        raise CommandError(str(why)) from None
    finally:
        await pool.close()
    return submissions


def _public_url(where: target.Target) -> str:
    """Only some sources sign it: where nobody told us, the others can be released none the less."""
    return where.public_http if where.running or os.environ.get(_PUBLIC_URL) else ""


async def _left_to_sweep(outputs: object) -> None:
    raise AssertionError("release only stores; a running capture publishes")


def _generated(where: target.Target, name: str) -> list[bytes]:
    value = where.secret(name)
    return [value.encode()] if value else []


def _summary(one: kept.Kept) -> dict[str, Any]:
    return {
        "quarantine_id": one.quarantine_id,
        "submission_id": one.submission.submission_id,
        "source": one.submission.source,
        "reason": one.reason,
        "disposition": one.disposition,
        "detail": one.detail,
        "received_at": one.submission.received_at,
        "released_at": one.released_at,
    }
