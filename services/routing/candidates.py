"""The members of a pool for one lead: who can have it, and why the others cannot. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.base import TierName
from services.kernel.people import Absence, Pool
from services.routing.board import Board
from services.routing.eligibility import OFF_OR_FULL, Barred, Cap, Past, over_cap, past_owner
from services.routing.plan import tier_group

_FOR_GOOD = frozenset({Absence.INACTIVE, Past.OWNER})


@dataclass(frozen=True, slots=True)
class Survey:
    """The members of a pool as they stand for one lead."""

    pool: Pool
    group: str
    weights: Mapping[str, int]
    """The eligible ones and their weights."""
    all_weights: Mapping[str, int]
    able: frozenset[str]
    """Who could take some lead now, past owners of this one included."""
    barred: Mapping[str, Barred]

    @property
    def present(self) -> dict[str, int]:
        """Eligible but for their hours and caps."""
        return {
            member: weight
            for member, weight in self.all_weights.items()
            if member not in self.barred or self.barred[member].why in OFF_OR_FULL
        }

    @property
    def exhausted(self) -> bool:
        """Nobody is left who has not had the lead: waiting cannot help."""
        why = {barred.why for barred in self.barred.values()}
        return not self.weights and Past.OWNER in why and why <= _FOR_GOOD

    @property
    def openings(self) -> list[datetime]:
        """When somebody may become free, as far as it is known."""
        return [one.until for one in self.barred.values() if one.until is not None]

    def record(self) -> dict[str, Any]:
        """For the decision record."""
        members = [self._member(member) for member in self.all_weights]
        return {"pool": self.pool.id, "group": self.group, "members": members}

    def _member(self, member: str) -> dict[str, Any]:
        barred = self.barred.get(member)
        if barred is None:
            return {"member": member, "eligible": True}
        found: dict[str, Any] = {"member": member, "eligible": False, "why": barred.why.value}
        if barred.until is not None:
            found["until"] = barred.until.isoformat()
        return found


def survey(board: Board, pool: Pool, tier: TierName, excluded: tuple[str, ...]) -> Survey:
    """Look at every member of a pool."""
    weights: dict[str, int] = {}
    able: set[str] = set()
    barred: dict[str, Barred] = {}
    members = board.plan.weights[pool.id]
    for member, weight in members.items():
        why = board.away(member) or _full(board, member)
        if why is None:
            able.add(member)
        # Who had the lead is named so even while away: hours pass, this does not.
        why = past_owner(member, excluded) or why
        if why is None:
            weights[member] = weight
        else:
            barred[member] = why
    return Survey(pool, tier_group(pool, tier), weights, members, frozenset(able), barred)


def _full(board: Board, member: str) -> Barred | None:
    if board.burst is not None and board.served[member] >= board.burst:
        return Barred(Cap.BURST)
    if member not in board.plan.capped:
        return None
    return over_cap(board.plan.teams.rep[member], board.load(member), board.now)
