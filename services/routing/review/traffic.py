"""What came in and was done in a period, as the history tells it. Pure.

Of each change only what was *given* to routing is taken: leads as they were known, and what people
asked for. What routing made of it is kept beside, to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.assignment import ACTIVE
from schemas.base import RoleName, TierName
from services.routing.fairness import Turn
from services.routing.overlay import RepChange
from services.routing.repeating import turns_before
from services.routing.state import TurnKey

Key = tuple[UUID, RoleName]
"""A lead and the role that it is for."""
Record = Mapping[str, Any]

_ACTIVE = frozenset(status.value for status in ACTIVE) | {"re_engaged"}
_OPEN = _ACTIVE | {"held", "nurtured"}
_GIVEN = frozenset({"assigned", "reassigned", "escalated"})


@dataclass(frozen=True, slots=True)
class Row:
    """One change, as it is stored."""

    lead_id: UUID
    role: str
    sequence: int
    at: datetime
    assignment_id: UUID
    status: str
    rep_id: str | None
    pool: str | None
    ended: str | None
    account_key: str
    record: Record | None

    @property
    def key(self) -> Key:
        return self.lead_id, RoleName(self.role)

    @property
    def placed(self) -> Record | None:
        """The record, where the change placed the lead and can be repeated."""
        record = self.record
        return record if record is not None and "outcome" in record and "state" in record else None


@dataclass(frozen=True, slots=True)
class Known:
    """A lead as it was known when it was placed; nothing that identifies the person."""

    account_key: str
    features: Mapping[str, object]
    verdicts: Mapping[str, bool | None]
    """How conditions about personal fields came out."""
    tier: TierName
    received_at: datetime
    account: Record | None
    """Which account it was matched with."""
    owned: bool = False
    """Whether somebody had a colleague when it came."""

    @classmethod
    def bare(cls, account_key: str, at: datetime) -> Known:
        """Of a lead that somebody has since before the records: only its account matters."""
        return cls(account_key, {}, {}, TierName.WARM, at, None)

    @classmethod
    def of(cls, row: Row, record: Record) -> Known:
        received = record["subject"].get("received_at")
        return cls(
            account_key=row.account_key,
            features=record["features"],
            verdicts=record["state"].get("personal", {}),
            tier=TierName(record["tier"]),
            received_at=datetime.fromisoformat(received) if received else row.at,
            account=record.get("account"),
            owned=bool(record["state"].get("colleagues")),
        )


@dataclass(slots=True)
class Outcome:
    """Where a lead came, in the end."""

    status: str
    rep: str | None
    pool: str | None
    rule: str
    at: datetime
    """When somebody got it, else when it was decided."""

    @property
    def place(self) -> str:
        """A rep, else what became of it."""
        return self.rep or self.status


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission that was decided, or a lead that another role hands over."""

    at: datetime
    key: Key
    assignment_id: UUID
    known: Known
    recorded: Outcome
    counted: bool = True
    """Whether it is a submission."""


@dataclass(frozen=True, slots=True)
class Touch:
    """A submission that changed nothing."""

    at: datetime
    key: Key


@dataclass(frozen=True, slots=True)
class News:
    """A lead is better known, or was looked at again."""

    at: datetime
    key: Key
    known: Known


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person or a clock asked for."""

    at: datetime
    key: Key
    action: str
    rep: str | None
    """Who had the lead, or claimed it."""
    to: str | None = None
    correction: bool = False
    """The router erred: the turn is given back, and the named person's is charged."""
    to_pool: str | None = None
    """The pool that it moved to with that."""
    hand_back: bool = False
    """A later role gave it back to the role before."""


Event = Arrival | Touch | News | Asked


@dataclass(frozen=True, slots=True)
class Opened:
    """An attempt that was open when the period began."""

    key: Key
    assignment_id: UUID
    account_key: str
    status: str
    rep: str | None
    pool: str | None
    since: datetime
    known: Known | None


@dataclass(slots=True)
class Traffic:
    """A period, and how things stood when it began."""

    since: datetime
    until: datetime
    events: list[Event] = field(default_factory=list)
    turns: dict[TurnKey, dict[str, Turn]] = field(default_factory=dict)
    opened: list[Opened] = field(default_factory=list)
    given: list[tuple[str, str | None, str, datetime]] = field(default_factory=list)
    """Rep, pool, motion and time of what was given in the week before."""
    changes: list[RepChange] = field(default_factory=list)
    """What operators changed about people, whenever it was known."""
    skipped: int = 0
    """Changes that were stored by a release that could not repeat them."""


def opened(rows: Sequence[Row]) -> list[Opened]:
    """The attempts that were open, from the last change of each."""
    return [
        Opened(
            row.key,
            row.assignment_id,
            row.account_key,
            "assigned" if row.status in _GIVEN | {"re_engaged"} else row.status,
            row.rep_id,
            row.pool,
            row.at,
            Known.of(row, row.placed) if row.placed is not None else None,
        )
        for row in rows
        if row.status in _OPEN
    ]


@dataclass(slots=True)
class Reader:
    """Takes up the changes of a period, in the order in which they were stored."""

    traffic: Traffic
    outcomes: dict[UUID, Outcome] = field(default_factory=dict)
    """Of arrivals, by the attempt that they opened."""
    answered: dict[Key, tuple[datetime, int]] = field(default_factory=dict)
    """Where a request was applied: the change after it is routing's answer to it."""

    def take(self, row: Row) -> None:
        record, request = row.placed, (row.record or {}).get("request")
        if record is not None:
            self._turns(record)
        if request is not None and record is not None:
            self._claimed(row)
        elif request is not None:
            self._asked(row, request)
        elif record is not None:
            self._placed(row, record)
        elif row.ended is not None:
            self.traffic.events.append(Touch(row.at, row.key))
        elif row.status == "closed":
            self.traffic.events.append(Asked(row.at, row.key, "release", row.rep_id))
        elif row.record is not None and "outcome" in row.record:
            self.traffic.skipped += 1

    def _asked(self, row: Row, request: Record) -> None:
        self.answered[row.key] = (row.at, row.sequence + 1)
        to, erred = request.get("to"), bool(request.get("correction"))
        moved, back = request.get("to_pool"), bool(request.get("hand_back"))
        asked = Asked(row.at, row.key, request["action"], row.rep_id, to, erred, moved, back)
        self.traffic.events.append(asked)

    def _claimed(self, row: Row) -> None:
        """A member took it from the list of a pull pool."""
        self.traffic.events.append(Asked(row.at, row.key, "claim", row.rep_id))
        before = self.outcomes.get(row.assignment_id)
        if before is not None:
            before.status, before.rep, before.pool = row.status, row.rep_id, row.pool
            before.at = row.at

    def _placed(self, row: Row, record: Record) -> None:
        status = row.ended if row.ended == "diverted" else row.status
        result = Outcome(status, row.rep_id, row.pool, record["rule"], row.at)
        known = Known.of(row, record)
        before = self.outcomes.get(row.assignment_id)
        if row.ended is None and self.answered.get(row.key) == (row.at, row.sequence):
            self.outcomes[row.assignment_id] = result  # the answer to a request: not compared
        elif row.ended is None and before is not None:
            before.status, before.rep, before.pool = row.status, row.rep_id, row.pool
            before.at = row.at
            self.traffic.events.append(News(row.at, row.key, known))
        else:
            self.outcomes[row.assignment_id] = result
            counted = row.ended is not None
            self.traffic.events.append(
                Arrival(row.at, row.key, row.assignment_id, known, result, counted)
            )

    def _turns(self, record: Record) -> None:
        """How members stood when they are first seen is how they stood at the start."""
        for rotation, members in turns_before(record).items():
            known = self.traffic.turns.setdefault(rotation, {})
            for member, turn in members.items():
                known.setdefault(member, turn)
