"""``handraise experiments``: what the arms of a rule that splits its leads came to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import typer

from services.cli import output, target
from services.cli.output import CommandError
from services.routing.review import arms, books
from services.routing.review import experiments as review

T = TypeVar("T")
_AHEAD = timedelta(days=366)
"""Decisions of a clock that was made to run fast are told of, too."""
_COLUMNS = ("arm", "share", "leads", "held", "to_assignment", *arms.OUTCOMES)


def experiments(
    name: Annotated[
        str | None, typer.Argument(help="As routing.yaml names it; without it all are listed.")
    ] = None,
    days: Annotated[
        int, typer.Option(help="Leads that were drawn in so many days.", min=1, max=36_500)
    ] = 90,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Show an experiment's arms: leads, time to assignment, rates with their 95 % interval."""
    if name is None:
        found = _read(data, review.listed)
        if json:
            output.emit(found)
        else:
            output.show(found, ("experiment", "running", "arms"), "no rule splits its leads")
        return
    now = datetime.now(UTC)
    period = now - timedelta(days=days), now + _AHEAD
    report = _read(data, lambda reader, splits: review.report(reader, splits, name, *period))
    if json:
        output.emit(report)
        return
    output.show([_row(one) for one in report["arms"]], _COLUMNS, "no lead has an arm yet")
    first = report["compared_with"]
    for line in (line for one in report["arms"] for line in _differences(one, first)):
        output.stdout.print(line, markup=False)


def _read(data: Path | None, ask: Callable[[asyncpg.Connection, review.Splits], Awaitable[T]]) -> T:
    async def run() -> T:
        async with target.connection(target.find(data).postgres) as connection:
            _, plan = await books.plan_of(connection, None, None)
            return await ask(connection, review.splits(plan))

    try:
        return asyncio.run(run())
    except review.UnknownExperiment as fault:
        raise CommandError(str(fault)) from None


def _row(one: Mapping[str, Any]) -> dict[str, Any]:
    share, expected = one["share"], one["expected_share"]
    told = "" if share is None else f"{share:.1%}"
    waited = one["time_to_assignment_s"]["p50"]
    return {
        **one,
        "share": told if expected is None else f"{told} of {expected:.0%}",
        "to_assignment": "" if waited is None else f"{waited:.1f} s",
        **{outcome: _rate(one[outcome]) for outcome in arms.OUTCOMES},
    }


def _rate(outcome: Mapping[str, Any]) -> str:
    rate = outcome["rate"]
    if rate is None:
        return "0"
    bounds = f"{rate['low']:.1%} to {rate['high']:.1%}"
    return f"{outcome['count']} ({rate['value']:.1%}: {bounds})"


def _differences(one: Mapping[str, Any], first: str) -> list[str]:
    """Where the interval of the difference leaves nought out, and where it does not."""
    found = []
    for outcome in arms.OUTCOMES:
        against = one[outcome]["against_first"]
        if against is None:
            continue
        sure = against["low"] > 0 or against["high"] < 0
        words = "differs" if sure else "no difference shown"
        points = [100 * against[part] for part in ("value", "low", "high")]
        found.append(
            f"{one['arm']} against {first}, {outcome}: {points[0]:+.1f} points"
            f" ({points[1]:+.1f} to {points[2]:+.1f}): {words}"
        )
    return found
