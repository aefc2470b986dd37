"""Offering a lead to a pool, and to whoever stands behind it while nobody there is free. Pure.

In this order: those who wait in front, the pool's own turn, the catch-all once the lead has waited
for as long as its tier may, the pool's policy (overflow, anyway), and the hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from schemas.assignment import AssignmentStatus
from schemas.base import TierName
from services.kernel.people import NobodyFree, Pool
from services.routing import fairness, recording
from services.routing.board import Board
from services.routing.candidates import Survey, survey
from services.routing.fairness import GivenTurn
from services.routing.policy import Target
from services.routing.subject import How, Placement, Subject

RETRY = timedelta(minutes=15)
"""A held lead is tried again at the latest after this."""
NEXT_DRAIN = timedelta(seconds=1)
BURST = 3
"""Held leads that one rep gets at a time; the next ones a second later."""
LOOKED_AT_MORE = 20
"""Looked at beyond what can be given, as some may exclude whoever is free."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One lead on its way through the pools."""

    board: Board
    subject: Subject
    target: Target
    record: dict[str, Any]

    def look(self, pool: Pool, *, picky: bool = True) -> Survey:
        """The pool's members for this lead, noted in the record."""
        seen = survey(self.board, pool, self.subject, picky=picky)
        self.record["pools"].append(seen.record)
        return seen


def offer(desk: Desk, pool: Pool) -> Placement:
    """Offer the lead to ``pool``.

    :raises NeedsPools: a pool that it may end in is not locked.
    """
    subject = desk.subject
    desk.board.demand(desk.board.plan.reachable(pool.id))
    seen = desk.look(pool)
    if seen.exhausted and subject.wish.anew and not subject.wish.escalate:
        return _anew(desk, pool)
    if subject.wish.escalate or seen.exhausted:
        return _escalate(desk, seen)
    if (until := _offered_until(desk, seen)) is not None:
        return _hold(desk, seen, How.OFFERED, until=until)
    return _by_pool(desk, seen)


def _by_pool(desk: Desk, seen: Survey) -> Placement:
    """By turn, or what the pool's policy says where nobody is free."""
    subject, pool = desk.subject, seen.pool
    if (ahead := _ahead(desk, seen)) > 0:
        return _hold(desk, seen, How.BEHIND, ahead)
    if seen.weights:
        return _by_turn(desk, seen, seen.weights, How.TURN)
    if seen.unserved:
        other = _overflow(desk, pool)
        if other is not None:
            return _by_turn(desk, other, other.weights, How.OVERFLOW)
    if seen.unserved or _held_too_long(desk, pool):
        return _catch_all(desk, seen)
    if pool.nobody_free is NobodyFree.ROUTE_ANYWAY and seen.present:
        return _by_turn(desk, seen, seen.present, How.ANYWAY)
    # A hot lead does not wait where another pool could have it.
    spills = pool.nobody_free is NobodyFree.OVERFLOW or subject.tier is TierName.HOT
    if spills and (other := _overflow(desk, pool)) is not None:
        return _by_turn(desk, other, other.weights, How.OVERFLOW)
    return _hold(desk, seen, How.NOBODY_FREE)


def _offered_until(desk: Desk, seen: Survey) -> datetime | None:
    """Until when the members may claim the lead; what came back goes by turn at once."""
    pull, subject, now = seen.pool.pull, desk.subject, desk.board.now
    if pull is None or subject.tier not in pull.tiers or subject.excluded or seen.unserved:
        return None
    until = (subject.held_since or now) + pull.within
    return until if now < until else None


def _anew(desk: Desk, pool: Pool) -> Placement:
    """Everybody had it, and nobody refused it: all but the last may have it again.

    Back to the last at once only where nobody else is left.
    """
    wish = replace(desk.subject.wish, anew=False)
    others, everybody = (
        replace(desk, subject=replace(desk.subject, excluded=excluded, wish=wish))
        for excluded in (desk.subject.excluded[-1:], ())
    )
    chosen = everybody if others.look(pool).exhausted else others
    return replace(offer(chosen, pool), cleared=chosen.subject.excluded)


def _by_turn(desk: Desk, seen: Survey, weights: Mapping[str, int], how: How) -> Placement:
    board, pool, group = desk.board, seen.pool, seen.group
    choice = fairness.choose(weights, board.turns(pool.id, group))
    rep = choice.winner
    desk.record["choice"] = recording.choice(desk.record, pool.id, group, choice)
    board.set_turns(pool.id, group, choice.after())
    board.given(rep, pool.id, desk.subject.motion)
    return Placement(
        AssignmentStatus.ASSIGNED,
        how,
        desk.target,
        pool=pool.id,
        rep=rep,
        turn=GivenTurn.of(pool.id, group, choice.weights),
        free=len(seen.weights),
        members=len(seen.all_weights),
        record=desk.record,
    )


def _overflow(desk: Desk, pool: Pool) -> Survey | None:
    """The first overflow pool that has somebody free and nobody who waits there in front."""
    passed = {pool.id}
    following = desk.board.plan.pool(pool.overflow)
    while following is not None and following.id not in passed:
        passed.add(following.id)
        if not following.takes(desk.subject.motion):
            following = desk.board.plan.pool(following.overflow)
            continue
        seen = desk.look(following)
        if seen.weights and _ahead(desk, seen) + _ahead(desk, seen, pool) == 0:
            return seen
        following = desk.board.plan.pool(following.overflow)
    return None


def _catch_all(desk: Desk, own: Survey) -> Placement:
    """The catch-all pool; where nobody is free there either, whose turn it is at any hour."""
    pool = desk.board.plan.catch_all_pool(own.pool.role)
    if pool is None:
        return _hold(desk, own, How.NOBODY_FREE)
    seen = own if pool.id == own.pool.id else desk.look(pool)
    if seen.weights:
        return _by_turn(desk, seen, seen.weights, How.CATCH_ALL)
    if seen.present:
        return _by_turn(desk, seen, seen.present, How.ANYWAY)
    if seen.unserved and (anybody := desk.look(pool, picky=False)).present:
        # Nobody speaks the language: a rep who does not is better than none.
        return _by_turn(desk, anybody, anybody.present, How.ANYWAY)
    return _hold(desk, own, How.NOBODY_FREE)


def _escalate(desk: Desk, seen: Survey) -> Placement:
    """The manager, or where the pool has none whoever did not have it last."""
    board, subject, pool = desk.board, desk.subject, seen.pool
    manager = board.plan.rep(board.plan.managers.get(pool.id))
    if manager is not None and board.is_here(manager.id) and manager.id not in subject.excluded:
        board.given(manager.id, pool.id, subject.motion)
        return Placement(
            AssignmentStatus.ESCALATED,
            How.ESCALATED,
            desk.target,
            pool=pool.id,
            rep=manager.id,
            record=desk.record,
        )
    if seen.weights:
        return _by_turn(desk, seen, seen.weights, How.TURN)
    once_more = survey(board, pool, replace(subject, excluded=subject.excluded[-1:]))
    if once_more.weights:
        return _by_turn(desk, once_more, once_more.weights, How.TURN)
    return _catch_all(desk, once_more)


def _hold(
    desk: Desk, seen: Survey, how: How, ahead: int = 0, until: datetime | None = None
) -> Placement:
    now = desk.board.now
    until = until or now + NEXT_DRAIN
    if how is How.NOBODY_FREE:
        last = (desk.subject.held_since or now) + seen.pool.max_hold.of(desk.subject.tier)
        until = min(moment for moment in (now + RETRY, last, *seen.openings) if moment > now)
    return Placement(
        AssignmentStatus.HELD,
        how,
        desk.target,
        pool=seen.pool.id,
        held_until=until,
        free=len(seen.weights),
        members=len(seen.all_weights),
        ahead=ahead,
        unfit=seen.unfit,
        record=desk.record,
    )


def _ahead(desk: Desk, seen: Survey, queue: Pool | None = None) -> int:
    """How many wait who rank before the lead and whom these members could serve now.

    :param queue: the pool that they wait for, where these are members of its overflow.
    """
    subject = desk.subject
    if subject.draining or not seen.able:
        return 0
    return sum(
        1
        for one in desk.board.waiting(queue or seen.pool)
        if one.rank < subject.rank and not seen.able.issubset(one.excluded)
    )


def _held_too_long(desk: Desk, pool: Pool) -> bool:
    since = desk.subject.held_since
    longest = pool.max_hold.of(desk.subject.tier)
    return since is not None and desk.board.now - since >= longest
