"""Reads what was decided, with the configurations that it was decided under."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from services.routing.config import parse
from services.routing.plan import Plan
from services.routing.repeating import Cause, Difference, difference
from services.routing.review.cases import Simulated
from services.routing.review.correcting import Current
from services.routing.review.traffic import Reader, Traffic, opened
from services.routing.review.whatif import moved
from services.routing.store import history
from services.runtime.configstore import ConfigStore, version_of

SHOWN = 20
"""Differences that are told one by one."""


@dataclass(slots=True)
class Plans:
    """Plans by configuration version, each read once."""

    connection: asyncpg.Connection
    known: dict[str, Plan] = field(default_factory=dict)

    async def of(self, version: str) -> Plan:
        """:raises NoConfiguration: there is no such version."""
        if version not in self.known:
            files: Mapping[str, str] = await ConfigStore().files(self.connection, version)
            self.known[version] = parse(files)
        return self.known[version]


async def files_of(
    connection: asyncpg.Connection, files: Mapping[str, str] | None, version: str | None
) -> tuple[str, Mapping[str, str]]:
    """A published version, else these files, else the active version; with its name.

    :raises NoConfiguration: there is no such version.
    """
    store = ConfigStore()
    if version is not None:
        return version, await store.files(connection, version)
    if files is None:
        return await store.active(connection)
    return version_of(files), files


async def plan_of(
    connection: asyncpg.Connection, files: Mapping[str, str] | None, version: str | None
) -> tuple[str, Plan]:
    """As :func:`files_of`, read.

    :raises ConfigError: the files are no good set.
    """
    name, found = await files_of(connection, files, version)
    return name, parse(found)


@dataclass(slots=True)
class Recomputed:
    """What came of taking stored decisions again."""

    decisions: int = 0
    causes: Counter[Cause] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    """The first :data:`SHOWN`."""

    @property
    def faults(self) -> int:
        return self.causes[Cause.FAULT]

    def as_dict(self) -> dict[str, Any]:
        return {
            "decisions": self.decisions,
            "different": self.causes.total(),
            "causes": {cause.value: self.causes[cause] for cause in Cause},
            "differences": self.differences,
        }


async def recomputed(
    connection: asyncpg.Connection, since: datetime | None = None, until: datetime | None = None
) -> Recomputed:
    """Take every stored decision of a period again, and compare."""
    plans, report = Plans(connection), Recomputed()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        overlays = await history.overlays(connection)
        async for stored in history.repeatable(connection, since, until):
            report.decisions += 1
            found = difference(await plans.of(stored.record["config"]), stored, overlays)
            if found is not None:
                report.causes[found.cause] += 1
                report.differences += [found] if len(report.differences) < SHOWN else []
    return report


async def recorded_traffic(
    connection: asyncpg.Connection, since: datetime, until: datetime
) -> Traffic:
    """A period as it was: what came in, what was asked for, how things stood at its start."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        traffic = Traffic(since, until)
        traffic.changes = await history.rep_changes(connection)
        traffic.given = await history.given(connection, since)
        traffic.opened = opened(await history.standing(connection, since))
        reader = Reader(traffic)
        async for row in history.rows(connection, since, until):
            reader.take(row)
    # Millions of objects that live as long as the command: the collector need not look again.
    gc.freeze()
    return traffic


async def expected_traffic(
    connection: asyncpg.Connection, since: datetime, until: datetime, back: timedelta
) -> Traffic:
    """A time to come: what came in so long before, on how things stand now."""
    past = await recorded_traffic(connection, since - back, until - back)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return Traffic(
            since,
            until,
            events=moved(past, back),
            turns=await history.turns(connection),
            opened=opened(await history.standing(connection, since)),
            given=await history.given(connection, since),
            changes=past.changes,
        )


async def current(connection: asyncpg.Connection, since: datetime) -> list[Current]:
    """Who has which lead now, of those given since then."""
    return await history.current(connection, since)


def notes(run: Simulated, traffic: Traffic) -> list[str]:
    """What a reader of a simulation must know."""
    found = []
    if run.unanswered:
        found.append(
            f"{run.unanswered} conditions ask for what identifies a person and were not asked then:"
            " taken as not known."
        )
    if run.ignored:
        found.append(f"{run.ignored} rejections are left out: somebody else has the lead here.")
    if traffic.skipped:
        found.append(f"{traffic.skipped} changes lack what it takes to repeat them.")
    return found
