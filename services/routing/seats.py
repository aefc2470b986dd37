"""Who shares a pool's leads at this moment, with what weight. Pure.

Members by their weight; a joiner by a part of it while the ramp lasts; and in place of a member who
is paused, on leave or gone the person who stands in, with the member's weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.kernel.people import FULL, Absence, Pool, ramp_percent
from services.routing.board import Board

_LEFT_TO_BACKUP = frozenset({Absence.INACTIVE, Absence.PAUSED, Absence.LEAVE, Absence.LEAVE_SOON})
"""Hours and holidays end by themselves; nobody stands in for them."""


@dataclass(frozen=True, slots=True)
class Seats:
    """The rotation of one pool."""

    weights: Mapping[str, int]
    """In percents of a turn while somebody ramps up; only the ratio counts."""
    stands_in: Mapping[str, str]
    """Who is there in whose place."""


def seats(board: Board, pool: Pool) -> Seats:
    """The rotation of a pool, worked out once per transaction."""
    known: Seats | None = board.seats.get(pool.id)
    if known is None:
        known = board.seats[pool.id] = _seats(board, pool)
    return known


def uncounted(board: Board, pools: Iterable[str]) -> frozenset[str]:
    """Who has a cap by command, or stands in by command, and whose leads were not counted yet."""
    found = (board.plan.pool(name) for name in pools)
    seated = {rep for pool in found if pool is not None for rep in seats(board, pool).weights}
    return (board.capped & seated).difference(board.loaded.loads)


def percent_of(board: Board, rep_id: str) -> int:
    """What part of a full share is due to a person who joined."""
    rep = board.plan.rep(rep_id)
    if rep is None:
        return FULL
    return ramp_percent(rep.joined, rep.zone, board.plan.teams.ramp, board.now)


def backup_of(board: Board, rep_id: str) -> str | None:
    """Who stands in for somebody who is away: named with the leave, else the usual backup."""
    rep = board.plan.rep(rep_id)
    if rep is None:
        return None
    today = board.now.astimezone(rep.zone).date()
    overlay = board.loaded.overlays.get(rep_id)
    leaves = (*(overlay.leave if overlay is not None else ()), *rep.leave)
    named = (one.backup for one in leaves if one.covers(today))
    return next((name for name in named if name is not None), rep.backup)


def _seats(board: Board, pool: Pool) -> Seats:
    weights = dict(board.plan.weights[pool.id])
    stands_in: dict[str, str] = {}
    for member, weight in board.plan.weights[pool.id].items():
        away = board.away(member)
        if away is None or away.why not in _LEFT_TO_BACKUP:
            continue
        backup = backup_of(board, member)
        if backup is not None and backup not in weights and board.plan.rep(backup) is not None:
            weights[backup] = weight
            stands_in[backup] = member
    percents = {member: percent_of(board, member) for member in weights}
    if any(percent != FULL for percent in percents.values()):
        weights = {member: weight * percents[member] for member, weight in weights.items()}
    return Seats(weights, stands_in)
