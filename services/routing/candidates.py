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
    record: Mapping[str, Any]
    """The same for the decision record."""

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


def survey(board: Board, pool: Pool, tier: TierName, excluded: tuple[str, ...]) -> Survey:
    """Look at every member of a pool."""
    group = tier_group(pool, tier)
    members = board.plan.weights[pool.id]
    counts = board.burst is not None or not board.plan.capped.isdisjoint(members)
    key = (pool.id, group, excluded)
    # Where nobody's leads are counted, all leads of a transaction see the same members.
    known: Survey | None = None if counts else board.surveys.get(key)
    if known is not None:
        return known
    found = _survey(board, pool, group, members, excluded)
    if not counts:
        board.surveys[key] = found
    return found


def _survey(
    board: Board, pool: Pool, group: str, members: Mapping[str, int], excluded: tuple[str, ...]
) -> Survey:
    weights: dict[str, int] = {}
    able: set[str] = set()
    barred: dict[str, Barred] = {}
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
    record = {
        "pool": pool.id,
        "group": group,
        "eligible": list(weights),
        "barred": {member: _words(why) for member, why in barred.items()},
    }
    return Survey(pool, group, weights, members, frozenset(able), barred, record)


def _words(barred: Barred) -> list[str]:
    """Why, and until when where that is known."""
    until = [barred.until.isoformat()] if barred.until is not None else []
    return [barred.why.value, *until]


def _full(board: Board, member: str) -> Barred | None:
    if board.burst is not None and board.served[member] >= board.burst:
        return Barred(Cap.BURST)
    if member not in board.plan.capped:
        return None
    return over_cap(board.plan.teams.rep[member], board.load(member), board.now)
