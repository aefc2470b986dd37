"""``handraise scoring learn``: the model in force against outcomes, and weights to accept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.cli import output, target
from services.cli.output import CommandError
from services.runtime.configstore import ConfigStore
from services.scoring.config import FILE, parse

if TYPE_CHECKING:
    from services.scoring.learning.measures import Measures
    from services.scoring.learning.report import Report
    from services.scoring.learning.samples import Sample


def run(
    dsn: str, outcome: str, horizon: timedelta, top: float, file: Path | None, *, json: bool
) -> None:
    """:param file: where the diff goes; else it is printed after the report."""
    try:
        from services.scoring.learning import profiles, report, rewriting, samples
    except ModuleNotFoundError as error:
        if error.name != "sklearn":
            raise
        raise CommandError("learning needs scikit-learn: pip install 'handraise[learn]'") from None
    if outcome not in samples.OUTCOMES:
        raise CommandError(f"--outcome is one of {', '.join(samples.OUTCOMES)}", 2)
    with output.working("reading what became of leads"):
        text, found = asyncio.run(_read(dsn, samples.NAMES, horizon))
    if not found:
        raise CommandError(f"no lead had {horizon.days} days yet to come to something")
    made = report.report(parse({FILE: text}), found, outcome, top)
    points = {one.rule: one.proposed for one in made.proposals if one.proposed != one.now}
    diff = rewriting.difference(text, rewriting.rewritten(text, points))
    answers = profiles.profiles(found)
    if file is not None:
        file.write_text(diff, "utf-8")
    if json:
        output.emit({**asdict(made), "profiles": [*map(asdict, answers)], "diff": diff})
        return
    _tell(made)
    if answers:
        columns = ["industry", "headcount", "technology", "approached", "answered", "rate"]
        output.show([_profile(one) for one in answers[:20]], columns, "")
    if file is None:
        output.stdout.print(diff, markup=False, end="")


async def _read(dsn: str, names: Iterable[str], horizon: timedelta) -> tuple[str, list[Sample]]:
    from services.scoring.store.outcomes import samples

    async with target.connection(dsn) as connection:
        _, files = await ConfigStore().active(connection)
        return files[FILE], await samples(connection, list(names), horizon, datetime.now(UTC))


def _tell(made: Report) -> None:
    rows = [{"outcome": name, **_figures(found)} for name, found in made.quality.items()]
    output.show(rows, list(rows[0]), "")
    if made.trial is None:
        output.say(f"no weights are proposed: {made.why_not}")
        return
    trial = made.trial
    tried = [
        {"weights": "in force", **_figures(trial.in_force)},
        {"weights": "learnt", **_figures(trial.learnt)},
    ]
    output.say(
        f"{made.outcome}: tried on the newest {trial.tried_on} leads, learnt from the others"
    )
    output.show(tried, list(tried[0]), "")
    output.say(f"chances are off by {trial.calibration.error:.3f} in the mean")
    rows = [
        {
            "rule": one.rule,
            "now": one.now,
            "proposed": one.proposed,
            "met by": one.met_by,
            "their rate": f"{one.rate:.1%}",
            "rate of others": f"{one.rate_else:.1%}",
        }
        for one in made.proposals
    ]
    output.show(rows, list(rows[0]) if rows else [], "too few leads met any rule")
    output.say("accept what is right: --diff FILE, patch -p1 < FILE, config check, config publish")


def _figures(found: Measures) -> dict[str, Any]:
    return {
        "leads": found.size,
        "rate": f"{found.rate:.1%}",
        "auc": "-" if found.auc is None else f"{found.auc:.3f}",
        f"precision in top {found.top:.0%}": f"{found.precision:.1%}",
        "lift": f"{found.lift:.2f}",
    }


def _profile(one: Any) -> dict[str, Any]:
    return {**asdict(one), "rate": f"{one.rate:.1%}"}
