"""Recorded leads under another configuration: a report, and its page. Read only.

The command and the process that answers HTTP requests run this, never the service itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.scoring.page import page
from services.scoring.rules import parse
from services.scoring.simulation import Change, Summary, change, movers, summary
from services.scoring.store.recorded import recorded


@dataclass(frozen=True, slots=True)
class Rescored:
    """What came of it."""

    version: str
    changes: list[Change]
    """Of every lead."""
    found: Summary
    movers: list[Change]
    """Those who move, the furthest first, as many as were asked for."""

    def as_dict(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        moved = [_row(one) for one in self.movers]
        return {"version": self.version, **asdict(self.found), "leads_moved": moved}

    def page(self) -> str:
        """As HTML, with its plots inside."""
        return page(self.version, self.found, self.changes, self.movers)


async def rescored(
    connection: asyncpg.Connection,
    version: str,
    files: Mapping[str, str],
    period: tuple[datetime | None, datetime | None],
    moves: int,
) -> Rescored:
    """Score what was recorded of that period again, as of one moment.

    :param version: what the files are called.
    :raises ConfigError: the files are no good set.
    """
    model = parse(files)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        changes = [change(model, lead) async for lead in recorded(connection, *period)]
    return Rescored(version, changes, summary(changes), movers(changes)[:moves])


def _row(one: Change) -> dict[str, Any]:
    return {
        "lead_id": one.lead_id,
        "account_key": one.account_key,
        "before": asdict(one.before),
        "after": asdict(one.after),
        "why": [{"rule": rule, "points": by} for rule, by in one.why],
    }
