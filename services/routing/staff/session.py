"""One change of people in progress: what it may read and write, in its own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.kernel.faults import did_you_mean
from services.kernel.people import Rep
from services.routing.overlay import Kind, RepChange
from services.routing.plan import Plan
from services.routing.store import people
from services.runtime.configstore import Versioned
from services.runtime.database import Connection

NOTE_CHARS = 500


class RepFault(ValueError):
    """What was asked for makes no sense; the message says why, in one line."""


class UnknownRep(RepFault):
    """The active configuration names no such person."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and why."""

    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One change in progress: nothing is decided until it is committed."""

    connection: Connection
    config: Versioned[Plan]
    now: datetime
    author: Author

    def rep(self, rep_id: str) -> Rep:
        """:raises UnknownRep: there is nobody of that id."""
        return rep_of(self.config.value, rep_id)

    async def believed(self, rep_id: str, *kinds: Kind) -> list[RepChange]:
        """The rep's changes of these kinds that are not over."""
        found = await people.believed(self.connection, rep_id=rep_id)
        return [
            one
            for one in found
            if one.kind in kinds and (one.valid_until is None or one.valid_until > self.now)
        ]

    async def record(
        self,
        rep_id: str,
        kind: Kind,
        value: Mapping[str, Any],
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> int:
        begins = start or self.now
        if end is not None and end <= max(begins, self.now):
            raise RepFault("until must lie after from, and in the future")
        return await people.record(
            self.connection,
            rep_id,
            kind,
            value,
            valid=(begins, end),
            at=self.now,
            by=self.author.by,
            note=self.author.note.strip()[:NOTE_CHARS],
        )

    async def take_back(self, changes: Iterable[RepChange]) -> int:
        ids = [one.id for one in changes]
        return await people.supersede(self.connection, ids, self.now, self.author.by)


def rep_of(plan: Plan, rep_id: str) -> Rep:
    """:raises UnknownRep: there is nobody of that id."""
    rep = plan.rep(rep_id)
    if rep is None:
        hint = did_you_mean(rep_id, tuple(plan.teams.rep))
        raise UnknownRep(f"there is no rep {rep_id}{hint}")
    return rep
