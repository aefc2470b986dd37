"""What a pool's turns come from, line by line: an account of each member. Pure.

Read from the records of decisions, so it tells of any period that history still holds, and adds up:
the shares of a member's lines are its entitlement, the turns its count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from schemas.base import TierName
from services.routing.fairness import UNIT
from services.routing.recording import turn_of
from services.routing.review.traffic import Row
from services.routing.subject import How

Record = Mapping[str, Any]
COLUMNS = (
    "at", "lead_id", "sequence", "group", "tier", "rep", "entry", "turns", "share", "reason", "by",
)  # fmt: skip
"""Of an exported ledger."""


class Entry(StrEnum):
    """What a decision meant for one member."""

    GIVEN = "given"
    """It was the member's turn."""
    OWNER = "owner"
    """Outside of the rotation, as the account's owner; it may cost a turn."""
    CLAIMED = "claimed"
    """Taken by the member from the list of a pull pool; it may cost a turn."""
    BY_HAND = "by_hand"
    """A person named the member."""
    KEPT = "kept"
    """The member had the lead in another role."""
    PASSED = "passed"
    """Eligible, and it was another's turn."""
    SKIPPED = "skipped"
    """Not eligible."""
    RETURNED = "returned"
    """A turn was given back to the member, or its share of one taken back."""
    TAKEN = "taken"
    """A person took the lead away."""


@dataclass(frozen=True, slots=True)
class Line:
    """One decision for one member."""

    at: datetime
    lead_id: UUID
    sequence: int
    pool: str
    group: str
    tier: str
    rep: str
    entry: Entry
    turns: int = 0
    """Added to the member's count."""
    share: int = 0
    """Added to the member's entitlement, in 1 / UNIT of a lead."""
    reason: str = ""
    """Why skipped, or what a person said."""
    by: str = ""
    """The person who moved the lead."""

    def as_dict(self) -> dict[str, Any]:
        """By :data:`COLUMNS`, the share in leads."""
        share = f"{Decimal(self.share) / UNIT:.6f}"
        return {name: getattr(self, name) for name in COLUMNS} | {"share": share}


@dataclass(slots=True)
class Account:
    """What the lines of one member come to."""

    turns: int = 0
    share: int = 0
    leads: int = 0
    """Given by turn, as owner or by hand."""
    hot: int = 0
    entries: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    moved_to: Counter[str] = field(default_factory=Counter)
    """Leads given by hand, by whom."""
    moved_away: Counter[str] = field(default_factory=Counter)

    def add(self, line: Line) -> None:
        self.turns += line.turns
        self.share += line.share
        self.entries[line.entry.value] += 1
        match line.entry:
            case Entry.SKIPPED:
                self.skipped[line.reason] += 1
            case Entry.TAKEN:
                self.moved_away[line.by] += 1
            case Entry.GIVEN | Entry.OWNER | Entry.CLAIMED | Entry.BY_HAND | Entry.KEPT:
                self.leads += 1
                self.hot += line.tier == TierName.HOT
                if line.entry is Entry.BY_HAND:
                    self.moved_to[line.by] += 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "turns": self.turns,
            "entitled": float(Decimal(self.share) / UNIT),
            "leads": self.leads,
            "hot_share": round(self.hot / self.leads, 4) if self.leads else None,
            "passed": self.entries[Entry.PASSED],
            "skipped": dict(self.skipped.most_common()),
            "moved_to": dict(self.moved_to),
            "moved_away": dict(self.moved_away),
        }


def accounts(lines: Iterable[Line]) -> dict[str, Account]:
    """Each member's account."""
    found: dict[str, Account] = {}
    for line in lines:
        found.setdefault(line.rep, Account()).add(line)
    return found


def lines(changes: Iterable[Row], pool: str) -> Iterator[Line]:
    """The lines of a pool.

    :param changes: in the order in which they were decided.
    """
    asked: dict[UUID, Record] = {}
    for change in changes:
        record = change.record or {}
        if (request := record.get("request")) is not None and "outcome" not in record:
            asked[change.lead_id] = request
            yield from _ended(change, record, request, pool)
        elif "outcome" in record:
            yield from _placed(change, record, asked.pop(change.lead_id, {}), pool)


def _ended(change: Row, record: Record, request: Record, pool: str) -> Iterator[Line]:
    """An attempt that somebody ended."""
    returned = record.get("returned")
    if returned is not None and returned["pool"] == pool:
        for rep, share in returned["shares"].items():
            yield Line(
                *_of(change, pool, returned["group"]), rep, Entry.RETURNED,
                turns=-(rep == returned["rep"]), share=-share, reason=request["reason"],
            )  # fmt: skip
    by_hand = request["action"] in ("reassign", "escalate") and request.get("by")
    if by_hand and change.pool == pool and change.rep_id is not None:
        group = returned["group"] if returned is not None else ""
        yield Line(
            *_of(change, pool, group), change.rep_id, Entry.TAKEN,
            reason=request["reason"], by=request["by"],
        )  # fmt: skip


def _placed(change: Row, record: Record, request: Record, pool: str) -> Iterator[Line]:
    look = next((one for one in record["pools"] if one["pool"] == pool), None)
    choice = record.get("choice")
    if look is not None:
        for rep, (why, *_) in look["barred"].items():
            if record["outcome"]["how"] != How.CLAIMED or rep != record["outcome"]["rep"]:
                yield Line(*_of(change, pool, look["group"]), rep, Entry.SKIPPED, reason=why)
    if choice is not None and choice["pool"] == pool:
        made = turn_of(record, "choice")
        for rep, share in made.weights.split if made is not None else ():
            won = rep == choice["rep"]
            entry = Entry.GIVEN if won else Entry.PASSED
            yield Line(*_of(change, pool, choice["group"]), rep, entry, turns=int(won), share=share)
    elif change.pool == pool and record["outcome"]["how"] in _OUTSIDE:
        yield from _outside(change, record, request, pool)


_OUTSIDE: dict[str, Entry] = {
    How.OWNER: Entry.OWNER,
    How.BY_HAND: Entry.BY_HAND,
    How.CLAIMED: Entry.CLAIMED,
    How.KEPT: Entry.KEPT,
}


def _outside(change: Row, record: Record, request: Record, pool: str) -> Iterator[Line]:
    """Given outside of the rotation; where it cost a turn the others earned their share of it."""
    outcome = record["outcome"]
    rep, by_hand = outcome["rep"], outcome["how"] == How.BY_HAND
    said = {"by": request.get("by") or "", "reason": request.get("reason", "")} if by_hand else {}
    entry = _OUTSIDE[outcome["how"]]
    made = turn_of(record, "charge")
    if made is None:
        yield Line(*_of(change, pool, ""), rep, entry, **said)
        return
    for member, share in made.weights.split:
        own = member == rep
        yield Line(
            *_of(change, pool, record["charge"]["group"]), member, entry if own else Entry.PASSED,
            turns=int(own), share=share, **(said if own else {}),
        )  # fmt: skip


def _of(change: Row, pool: str, group: str) -> tuple[datetime, UUID, int, str, str, str]:
    tier = str((change.record or {}).get("tier", ""))
    return change.at, change.lead_id, change.sequence, pool, group, tier
