"""``simulate --scoring``: recorded leads under another model, and who moves between tiers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.base import TierName
from services.cli import configfiles, output, target
from services.cli.scoring import points
from services.runtime.configstore import ConfigStore, version_of
from services.scoring.page import page
from services.scoring.rules import parse
from services.scoring.simulation import Change, Summary, change, summary
from services.scoring.store.recorded import recorded

_RANK = {tier: place for place, tier in enumerate(TierName)}


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
    with output.working("scoring again"):
        version, changes = asyncio.run(
            _changes(dsn, wanted, files, target.utc(since), target.utc(until))
        )
    found, movers = summary(changes), _movers(changes)[:show]
    if html is not None:
        html.write_text(page(version, found, changes, movers), "utf-8")
    if json:
        output.emit({"version": version, **asdict(found), "leads_moved": [*map(_row, movers)]})
    else:
        _tell(version, found, movers)
        if html is not None:
            output.say(f"the page is {html}")


async def _changes(
    dsn: str,
    wanted: str,
    files: Mapping[str, str] | None,
    since: datetime | None,
    until: datetime | None,
) -> tuple[str, list[Change]]:
    async with target.connection(dsn) as connection:
        version = wanted if files is None else version_of(files)
        model = parse(files or await ConfigStore().files(connection, wanted))
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return version, [
                change(model, lead) async for lead in recorded(connection, since, until)
            ]


def _folder(wanted: str) -> dict[str, str] | None:
    """Its files, where it is one."""
    path = Path(wanted)
    return configfiles.load(configfiles.folder(path)) if path.is_dir() else None


def _movers(changes: Iterable[Change]) -> list[Change]:
    """Those who change tiers, the furthest first."""
    moved = [one for one in changes if one.moves]
    return sorted(moved, key=lambda one: (-_distance(one), -_gain(one), str(one.lead_id)))


def _distance(one: Change) -> int:
    return abs(_RANK[one.before.tier] - _RANK[one.after.tier])


def _gain(one: Change) -> int:
    return abs(one.after.total - one.before.total)


def _row(one: Change) -> dict[str, Any]:
    return {
        "lead_id": one.lead_id,
        "account_key": one.account_key,
        "before": asdict(one.before),
        "after": asdict(one.after),
        "why": [{"rule": rule, "points": by} for rule, by in one.why],
    }


def _tell(version: str, found: Summary, movers: list[Change]) -> None:
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
