"""``handraise recompute``: every stored decision taken again, from what was stored with it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

import typer

from services.cli import output, target
from services.routing.review.books import Recomputed, recomputed

SinceOption = Annotated[
    datetime | None, typer.Option("--since", help="Only decisions from then on (UTC).")
]
UntilOption = Annotated[datetime | None, typer.Option("--until", help="Only decisions before.")]


def recompute(
    since: SinceOption = None,
    until: UntilOption = None,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Take every stored decision again and compare. Exit 1 where the same engine differs."""
    period = target.between(since, until)
    with output.working("recomputing"):
        report = asyncio.run(_recompute(postgres or target.find(data).postgres, period))
    if json:
        output.emit(report.as_dict())
    else:
        _tell(report)
    if report.faults:
        raise typer.Exit(1)


async def _recompute(dsn: str, period: tuple[datetime | None, datetime | None]) -> Recomputed:
    async with target.connection(dsn) as connection:
        return await recomputed(connection, *period)


def _tell(report: Recomputed) -> None:
    output.say(f"{report.decisions} decisions recomputed, {report.causes.total()} different")
    for one in report.differences:
        output.stdout.print(
            f"lead {one.lead_id} #{one.sequence}: {one.cause} (engine {one.engine})", markup=False
        )
        for part, (before, now) in one.parts.items():
            output.stdout.print(f"  {part}: {before} -> {now}", markup=False)
