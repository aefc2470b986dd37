"""``simulate --scoring``: recorded leads under another model, and who moves between tiers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from services.cli import configfiles, output, target
from services.cli.output import CommandError
from services.cli.scoring import points
from services.runtime.configstore import ConfigStore, version_of
from services.scoring.review import Rescored, rescored
from services.scoring.simulation import Change, Summary


def run(
    wanted: str,
    since: datetime | None,
    until: datetime | None,
    show: int,
    html: Path | None,
    postgres: str | None,
    data: Path | None,
    *,
    json: bool,
) -> None:
    """
    :param wanted: a version as ``config list`` names it, or a folder.
    :param html: write a page with plots here.
    """
    dsn = postgres or target.find(data).postgres
    files = _folder(wanted)
    period = target.between(since, until)
    with output.working("scoring again"):
        made = asyncio.run(_rescored(dsn, wanted, files, period, show))
    if html is not None:
        html.write_text(made.page(), "utf-8")
    if json:
        output.emit(made.as_dict())
    else:
        _tell(made.version, made.found, made.movers)
        if html is not None:
            output.say(f"the page is {html}")


async def _rescored(
    dsn: str,
    wanted: str,
    files: Mapping[str, str] | None,
    period: tuple[datetime | None, datetime | None],
    show: int,
) -> Rescored:
    async with target.connection(dsn) as connection:
        name = wanted if files is None else version_of(files)
        found = files or await ConfigStore().files(connection, wanted)
        return await rescored(connection, name, found, period, show)


def _folder(wanted: str) -> dict[str, str] | None:
    """Its files, where it is one; no version is named like a path."""
    path = Path(wanted)
    if not path.is_dir() and len(path.parts) > 1:
        raise CommandError(f"there is no configuration folder {wanted}", 2)
    return configfiles.load(configfiles.folder(path)) if path.is_dir() else None


def _tell(version: str, found: Summary, movers: Sequence[Change]) -> None:
    rows = [
        {"was": tier, **{f"becomes {name}": count for name, count in row.items()}}
        for tier, row in found.moves.items()
    ]
    output.show(rows, list(rows[0]), "no lead")
    listed = [
        {
            "lead": one.lead_id,
            "account": one.account_key,
            "tier": f"{one.before.tier} -> {one.after.tier}",
            "points": f"{points(one.before.total)} -> {points(one.after.total)}",
            "why": ", ".join(f"{rule} {by / 100:+g}" for rule, by in one.why),
        }
        for one in movers
    ]
    columns = ["lead", "account", "tier", "points", "why"]
    output.show(listed, columns, "nobody moves to another tier")
    output.say(
        f"version {version}: {found.moved} of {found.leads} leads move; marketing-qualified "
        f"{found.mql_before} -> {found.mql_after}, mean {found.total_before:g} -> "
        f"{found.total_after:g} points"
    )
