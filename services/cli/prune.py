"""``handraise prune``: deletes what nobody needs any more, as ``retention.yaml`` says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from services.capture.store import retention as capture
from services.cli import configfiles, output, retention, target
from services.cli.configfiles import FolderOption
from services.cli.output import CommandError
from services.delivery.store import retention as delivery
from services.enrichment.store import retention as enrichment
from services.response.store import retention as response
from services.routing.store import retention as routing
from services.runtime import migrate, pruning
from services.runtime.database import SCHEMAS
from services.runtime.pruning import Prunable, Pruned
from services.runtime.repeats import MARGIN
from services.scoring.store import retention as scoring

ROOMS: dict[str, Sequence[Prunable]] = {
    "capture": capture.PRUNABLE,
    "enrichment": enrichment.PRUNABLE,
    "scoring": scoring.PRUNABLE,
    "routing": routing.PRUNABLE,
    "response": response.PRUNABLE,
    "delivery": delivery.PRUNABLE,
}


def prune(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be deleted.")
    ] = False,
    config: FolderOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Delete what nobody needs any more, as retention.yaml says; rows by table.

    Services may run meanwhile, and so may a second prune; what one leaves the next one deletes.
    """
    found = target.find(data)
    folder = configfiles.folder(config or configfiles.of_running(found.running))
    keep = retention.parse(retention.beside(folder))
    with output.working("counting" if dry_run else "deleting"):
        done = asyncio.run(_prune(found.postgres, keep, dry_run))
    rows = [_row(one) for one in done]
    total = sum(one.rows for one in done)
    if json:
        output.emit({"dry_run": dry_run, "tables": rows, "rows": total})
        return
    output.show(rows, ["table", "rows", "before", "kept"], "every row is kept for ever")
    output.say(f"{'would delete' if dry_run else 'deleted'} {total} rows")


async def _prune(dsn: str, keep: retention.RetentionFile, dry_run: bool) -> list[Pruned]:
    work = pruning.count if dry_run else pruning.prune
    done: list[Pruned] = []
    async with pruning.connection(dsn) as conn:
        agreed(await conn.fetchval("select now()"), datetime.now(UTC))
        await migrate.verify(conn, ["services.runtime", *(f"services.{room}" for room in ROOMS)])
        for room, tables in ROOMS.items():
            done.extend([one async for one in work(conn, SCHEMAS[room], tables, keep.keep())])
    return done


def agreed(database: datetime, here: datetime) -> None:
    """A clock that is wrong would make everything old.

    :raises CommandError: the two are further apart than rows are kept beyond their time.
    """
    apart = abs(database - here)
    if apart >= MARGIN:
        raise CommandError(
            f"nothing is deleted: by the clock of the database it is {database:%Y-%m-%d %H:%M},"
            f" here {here:%Y-%m-%d %H:%M}"
        )


async def waits(dsn: str, keep: retention.RetentionFile, now: datetime) -> int:
    """For how many days rows have been there that a daily prune would have deleted."""
    async with pruning.connection(dsn) as conn:
        oldest = await pruning.oldest_input(conn, [SCHEMAS[room] for room in ROOMS])
    return max(0, (now - oldest - keep.repeats - MARGIN).days) if oldest else 0


def _row(one: Pruned) -> dict[str, Any]:
    before: datetime = one.before.astimezone(UTC).replace(microsecond=0)
    return {"table": one.table, "rows": one.rows, "before": before, "kept": one.keep.value}
