"""What a realignment looks at, and what it says of each account and lead. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from schemas.assignment import AssignmentStatus
from schemas.base import RoleName
from services.routing.companies import Company
from services.routing.territories import Hit

Facts = Mapping[str, object]


class Why(StrEnum):
    """Why an owner changes, or does not."""

    TERRITORY = "territory"
    WITH_ACCOUNT = "with_account"
    """The account has a new owner, who had been this lead's owner, too."""
    OPEN_OPPORTUNITY = "open_opportunity"
    TOUCHED = "touched_lately"
    ESCALATED = "escalated"
    """The manager has it."""
    NO_TERRITORY = "no_territory"
    """No row of a table takes it."""
    NURTURE = "nurture"
    """The row gives it to nobody."""
    NOBODY = "nobody_to_have_it"
    """Of the row's pool nobody is here, or it is nothing for any of them."""
    UNKNOWN_OWNER = "unknown_owner"


@dataclass(frozen=True, slots=True)
class Held:
    """A lead that somebody has."""

    assignment_id: UUID
    lead_id: UUID
    account_key: str
    role: RoleName
    status: AssignmentStatus
    rep: str
    pool: str | None
    worked_at: datetime | None
    """When somebody last did something about it, accepting included."""
    facts: Facts
    company: Company | None


@dataclass(frozen=True, slots=True)
class Said:
    """An account or a lead and its owner: what a move says of it, whatever becomes of it."""

    kind: str
    """``account`` or ``lead``."""
    id: str
    name: str | None
    owner_kind: str | None
    """Of an account: which of its owners."""
    role: str | None
    was: str
    was_pool: str | None
    assignment_id: UUID | None = None
    status: str | None = None
    named: str | None = None
    """Of an account: the owner as the table names them."""

    def stays(self, why: Why, hit: Hit | None = None) -> Move:
        return self._as(None, hit.row.pool if hit is not None else None, why, hit)

    def moves(self, to: str, pool: str, why: Why, hit: Hit | None) -> Move:
        return self._as(to, pool, why, hit)

    def _as(self, to: str | None, pool: str | None, why: Why, hit: Hit | None) -> Move:
        said = {one.name: getattr(self, one.name) for one in fields(Said)}
        territory = hit.described() if hit is not None else None
        return Move(**said, to=to, to_pool=pool, why=why, territory=territory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Said):
    """What is said of it, and who is to have it."""

    to: str | None
    """None: it stays."""
    to_pool: str | None
    why: Why
    territory: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What is known besides, and what is left in peace."""

    now: datetime
    untouched_for: timedelta
    """A lead that somebody worked on since then stays."""
    gone: frozenset[str] = frozenset()
    """Who was offboarded by command."""
