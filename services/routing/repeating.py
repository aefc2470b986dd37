"""A stored decision, taken again from its record. Pure.

The record holds the features (no direct identifiers) and what was read of the board; everything
else comes from the configuration version that the record names. The same engine must give the same
record; another one may not, and the difference says where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from schemas.base import RoleName
from services.kernel.conditions import NotedFacts
from services.kernel.people import Overlay
from services.routing.board import Board, Colleague, Loaded
from services.routing.fairness import Turn, Turns
from services.routing.matching import matched_again
from services.routing.model import Load, Waiting
from services.routing.placement import ENGINE, place
from services.routing.plan import Plan
from services.routing.recording import ELSEWHERE, told, turn_of
from services.routing.splitting import units_again
from services.routing.subject import Subject

Record = Mapping[str, Any]
Overlays = Mapping[str, Mapping[str, Overlay]]
"""What operators had changed, by the key under which decisions name it."""

COMPARED = (
    "rule",
    "rule_path",
    "territory",
    "split",
    "divert",
    "account",
    "owner",
    "pools",
    "choice",
    "charge",
    "outcome",
)
"""Parts of a record that must come out the same."""


class Cause(StrEnum):
    """Why a repeated decision came out otherwise."""

    ENGINE = "engine"
    """Another engine version took it: a change of the arithmetic, listed in the change log."""
    FAULT = "fault"
    """The same engine came to another result: a fault of the program or of the stored data."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision as it was stored."""

    lead_id: UUID
    sequence: int
    assignment_id: UUID
    record: Record


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored decision that comes out otherwise now."""

    lead_id: UUID
    sequence: int
    cause: Cause
    engine: str
    """That took it."""
    parts: Mapping[str, tuple[Any, Any]]
    """What differs: stored and repeated."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a decision read of the board."""

    loads: dict[str, Load] = field(default_factory=dict)
    waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    colleagues: list[Colleague] = field(default_factory=list)
    overlays: str | None = None
    personal: dict[str, bool | None] = field(default_factory=dict)


_STATE = TypeAdapter(_State)
_SUBJECT = TypeAdapter(Subject)
OVERLAYS = TypeAdapter(dict[str, Overlay])
_ACCOUNT = "(recorded)"


def is_repeatable(record: Record | None) -> bool:
    """Whether a record is one of a placement, with all that it takes to repeat it."""
    return record is not None and "outcome" in record and "state" in record


def difference(plan: Plan, stored: Stored, overlays: Overlays) -> Difference | None:
    """What differs when a decision is taken again under ``plan``; None for nothing.

    :param plan: of the configuration version that the record names.
    """
    was, again = told(stored.record), told(repeated(plan, stored, overlays))
    parts = {
        name: (was.get(name), again.get(name))
        for name in COMPARED
        if was.get(name) != again.get(name)
    }
    if not parts:
        return None
    engine = str(stored.record["engine"])
    cause = Cause.FAULT if engine == ENGINE else Cause.ENGINE
    return Difference(stored.lead_id, stored.sequence, cause, engine, parts)


def repeated(plan: Plan, stored: Stored, overlays: Overlays) -> Record:
    """The record that comes out now."""
    board = board_of(plan, stored, overlays)
    placement = place(board, subject_of(stored))
    again: Record = from_json(to_json(placement.record))
    return again


def subject_of(stored: Stored) -> Subject:
    """The lead as it was placed, without what identifies the person."""
    record = stored.record
    kept = {name: value for name, value in record["subject"].items() if name not in ELSEWHERE}
    subject = _SUBJECT.validate_python(
        {
            **kept,
            "lead_id": stored.lead_id,
            "account_key": _ACCOUNT,
            "assignment_id": stored.assignment_id,
            "facts": record["features"],
            "tier": record["tier"],
            "excluded": record["excluded"],
        }
    )
    verdicts = record["state"].get("personal")
    erased = bool(record.get("erased"))
    units = units_again(stored.lead_id, record.get("split", ()), erased=erased)
    facts = NotedFacts({**record["features"], **units}, verdicts)
    object.__setattr__(subject, "facts", facts)
    return subject


def board_of(plan: Plan, stored: Stored, overlays: Overlays) -> Board:
    """The board as the decision read it."""
    record = stored.record
    state = _STATE.validate_python(record["state"])
    loaded = Loaded(
        colleagues={_ACCOUNT: {one.lead_id: one for one in state.colleagues}},
        turns={rotation: Turns(stood) for rotation, stood in turns_before(record).items()},
        loads=state.loads,
        overlays=dict(overlays[state.overlays]) if state.overlays is not None else {},
        waiting=state.waiting,
    )
    at, pools = datetime.fromisoformat(record["at"]), frozenset(plan.weights)
    board = Board(plan, record["config"], at, pools, loaded, RoleName(record["role"]))
    if (account := record.get("account")) is not None:
        again = matched_again(account, plan.matching, plan.takes_leads)
        loaded.matches[stored.lead_id] = again
    if (burst := record.get("burst")) is not None:
        board.burst = burst["most"]
        board.served.update(burst["served"])
    return board


def turns_before(record: Record) -> dict[tuple[str, str], dict[str, Turn]]:
    """Where the members stood before the lead was shared out."""
    found: dict[tuple[str, str], dict[str, Turn]] = {}
    for part in ("choice", "charge"):
        if (made := turn_of(record, part)) is not None:
            found[record[part]["pool"], record[part]["group"]] = made.before.turns()
    return found
