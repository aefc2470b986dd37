"""Looks a configuration's territory tables over, alone or with the leads that were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.kernel.faults import did_you_mean
from services.routing.config import parse
from services.routing.plan import Plan
from services.routing.policy import RuleSet
from services.routing.review.gaps import Gaps
from services.routing.review.landing import Landing, asks, roles_of
from services.routing.review.territory_report import report
from services.routing.store import history
from services.routing.territory_config import places, tables
from services.runtime.configfile import Faults


class UnknownTable(ValueError):
    """The configuration has no such table."""


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when leads were routed."""

    since: datetime
    until: datetime


async def reports(
    files: Mapping[str, str],
    *,
    table: str | None = None,
    most: int = 100,
    connection: asyncpg.Connection | None = None,
    period: Period | None = None,
    most_leads: int | None = None,
) -> dict[str, Any]:
    """A report of each table, or of one.

    :param files: a good set.
    :param connection: with ``period``, to count recorded leads; None: the tables alone.
    :param most_leads: looked at; the newest of the period.
    :raises UnknownTable: there is no table of that name.
    """
    plan = parse(files)
    known = tables(Faults(files), files, plan.teams)
    if table is not None and table not in known:
        raise UnknownTable(f"there is no table {table}{did_you_mean(table, tuple(known))}")
    wanted = [one for name, one in known.items() if table in (None, name)]
    landings: dict[str, Landing] = {}
    read = 0
    if connection is not None and period is not None:
        landings = {one.id: Landing(one, Gaps(one)) for one in wanted}
        read = await _land(connection, period, plan, landings, most_leads)
    where = places(files)
    return {
        "since": period.since if landings and period is not None else None,
        "until": period.until if landings and period is not None else None,
        "more_leads": most_leads is not None and read >= most_leads,
        "tables": [report(one, where[one.id], most, landings.get(one.id)) for one in wanted],
    }


async def _land(
    connection: asyncpg.Connection,
    period: Period,
    plan: Plan,
    landings: Mapping[str, Landing],
    most: int | None,
) -> int:
    """Each lead once per role, as it was known when it was placed last."""
    asking = _asking(plan, landings)
    seen: set[tuple[Any, str]] = set()
    read = 0
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        async for placed in history.placed(connection, period.since, period.until, most):
            read += 1
            key = (placed.lead_id, placed.role)
            if key in seen or placed.role not in asking:
                continue
            seen.add(key)
            for rules, landing in asking[placed.role]:
                if asks(rules, landing.table.id, placed.features):
                    landing.take(placed.features, placed.pool or placed.status)
    return read


def _asking(
    plan: Plan, landings: Mapping[str, Landing]
) -> dict[str, list[tuple[RuleSet, Landing]]]:
    """By role: the tables that its rules ask."""
    found: dict[str, list[tuple[RuleSet, Landing]]] = {}
    for name, landing in landings.items():
        for role in roles_of(plan, name):
            rules = plan.rule_set(role)
            if rules is not None:
                found.setdefault(role.value, []).append((rules, landing))
    return found
