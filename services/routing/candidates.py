"""The members of a pool for one lead: who can have it, and why the others cannot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.kernel.people import Absence, Pool
from services.routing.board import Board
from services.routing.eligibility import (
    ANYBODY,
    OFF_OR_FULL,
    Barred,
    Cap,
    Demand,
    Fit,
    Past,
    Why,
    demand,
    limits_of,
    over_cap,
    past_owner,
    unfit,
)
from services.routing.fairness import Weights
from services.routing.plan import tier_group
from services.routing.seats import Seats, percent_of, seats
from services.routing.subject import Subject

_AT_WORK: frozenset[Why] = frozenset({Absence.OFF_HOURS, Absence.HOLIDAY, Absence.LEAVE_SOON})
"""No reason against somebody who asks for a lead."""
_FOR_GOOD: frozenset[Why] = frozenset({Absence.INACTIVE, Past.OWNER, *Fit})
"""Waiting does not change it."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The members of a pool as they stand for one lead."""

    pool: Pool
    group: str
    weights: Weights
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
        return self.unserved and Past.OWNER in why

    @property
    def unserved(self) -> bool:
        """Nobody here will ever be able to have the lead."""
        return not self.weights and all(one.why in _FOR_GOOD for one in self.barred.values())

    @property
    def unfit(self) -> tuple[str, ...]:
        """Whom the lead is nothing for."""
        return tuple(name for name, one in self.barred.items() if isinstance(one.why, Fit))

    @property
    def openings(self) -> list[datetime]:
        """When somebody may become free, as far as it is known."""
        return [one.until for one in self.barred.values() if one.until is not None]


def survey(board: Board, pool: Pool, subject: Subject, *, picky: bool = True) -> Survey:
    """Look at everybody who shares a pool's leads.

    :param picky: whether languages, skills and territories are asked for.
    """
    group = tier_group(pool, subject.tier)
    rotation = seats(board, pool)
    if not picky:
        return _survey(board, _Look(pool, group, subject, ANYBODY, {}), rotation)
    wanted = demand(pool, subject.facts, preferred=True)
    seen = _remembered(board, _look(board, pool, group, subject, wanted), rotation)
    if seen.weights or not any(need.prefer for need in pool.needs):
        return seen
    wanted = demand(pool, subject.facts, preferred=False)
    return _remembered(board, _look(board, pool, group, subject, wanted), rotation)


def claim_bar(board: Board, pool: Pool, subject: Subject, member: str) -> Barred | None:
    """Why a member may not take a lead from the list: as for a turn, but for hours and holidays."""
    wanted = demand(pool, subject.facts, preferred=False)
    look = _look(board, pool, tier_group(pool, subject.tier), subject, wanted)
    away = board.away(member)
    gone = away if away is not None and away.why not in _AT_WORK else None
    past = past_owner(member, subject.excluded)
    return past or look.unfit.get(member) or gone or _full(board, look, member)


@dataclass(frozen=True, slots=True)
class _Look:
    """One lead looks at one pool."""

    pool: Pool
    group: str
    subject: Subject
    wanted: Demand
    unfit: Mapping[str, Barred]
    """Whom the lead is nothing for."""


def _look(board: Board, pool: Pool, group: str, subject: Subject, wanted: Demand) -> _Look:
    names: Iterable[str] = seats(board, pool).weights
    if wanted == ANYBODY:  # then only those can be unfit who have a territory
        names = [name for name in names if name in board.plan.choosy] if board.plan.choosy else ()
    reps = ((name, board.plan.rep(name)) for name in names)
    found = ((name, unfit(rep, wanted, subject.facts)) for name, rep in reps if rep is not None)
    return _Look(
        pool, group, subject, wanted, {name: why for name, why in found if why is not None}
    )


def _remembered(board: Board, look: _Look, rotation: Seats) -> Survey:
    """Where nobody's leads are counted, like leads of a transaction see the same members."""
    if board.burst is not None or not board.capped.isdisjoint(rotation.weights):
        return _survey(board, look, rotation)
    unfit_ones = tuple((name, barred.why) for name, barred in look.unfit.items())
    key = (look.pool.id, look.group, look.subject.excluded, unfit_ones)
    known: Survey | None = board.surveys.get(key)
    if known is None:
        known = board.surveys[key] = _survey(board, look, rotation)
    return known


def _survey(board: Board, look: _Look, rotation: Seats) -> Survey:
    weights = Weights()
    able: set[str] = set()
    barred: dict[str, Barred] = {}
    for member, weight in rotation.weights.items():
        # What never changes is named even while somebody is away: hours pass, this does not.
        never = look.unfit.get(member)
        why = board.away(member) or _full(board, look, member)
        if why is None and never is None:
            able.add(member)
        why = past_owner(member, look.subject.excluded) or never or why
        if why is None:
            weights[member] = weight
        else:
            barred[member] = why
    record = {
        "pool": look.pool.id,
        "group": look.group,
        "eligible": list(weights),
        "barred": {member: _words(why) for member, why in barred.items()},
    }
    if rotation.stands_in:
        record["stands_in"] = dict(rotation.stands_in)
    return Survey(look.pool, look.group, weights, rotation.weights, frozenset(able), barred, record)


def _words(barred: Barred) -> list[str]:
    """Why, and until when where that is known."""
    until = [barred.until.isoformat()] if barred.until is not None else []
    return [barred.why.value, *until]


def _full(board: Board, look: _Look, member: str) -> Barred | None:
    if board.burst is not None and board.served[member] >= board.burst:
        return Barred(Cap.BURST)
    rep = board.plan.rep(member)
    if rep is None or member not in board.capped:
        return None
    caps, percent = board.caps(rep), percent_of(board, member)
    of_pool = board.plan.caps_in(look.pool, member)
    limits = limits_of(caps, look.pool.id, of_pool, look.subject.motion, percent)
    return over_cap(rep, caps, limits, board.load(member), board.now)
