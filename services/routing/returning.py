"""What becomes of a lead that is there already: comes again, waits on, comes back. Pure.

The live decision and a simulation keep their state in different ways; what they decide by is here.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from schemas.assignment import AssignmentStatus
from services.routing.plan import Plan
from services.routing.subject import How, Placement, Wish


class Returning(StrEnum):
    """What another touch of a person means whom a rep has."""

    LEFT = "left"
    """The rep has left: somebody else gets the lead."""
    STALE = "stale"
    """The rep heard nothing of it for too long: it is routed anew."""
    ASKS = "asks"
    """The rep hears of it at once."""
    KNOWN = "known"
    """Nothing changes."""


def returning(plan: Plan, rep_id: str | None, kind: object, idle: timedelta | None) -> Returning:
    """Judge another touch.

    :param idle: since the last touch that the rep heard of; None where there was none.
    """
    rep = plan.rep(rep_id)
    if rep is None or not rep.active:
        return Returning.LEFT
    if kind not in plan.hand_raises:
        return Returning.KNOWN
    if idle is None or idle > plan.anew_after:
        return Returning.STALE
    return Returning.ASKS


def moves_down(status: str, placement: Placement, *, own: bool) -> bool:
    """Whether a lead would fall out of sales that has no reason to.

    What waits for a person is neither nurtured nor diverted by what came later; only what is found
    out about the very submission that opened it can say that it is no lead.

    :param status: before.
    :param own: whether what is known is of that submission.
    """
    waits = status == AssignmentStatus.HELD
    if placement.how is How.DIVERTED:
        return waits and not own
    down = placement.status is AssignmentStatus.NURTURED
    return down and (waits or status == AssignmentStatus.NURTURED)


def next_wish(plan: Plan, attempt: int, wish: Wish) -> Wish:
    """Who is to have the next attempt, the ``attempt``-th of its cycle: the manager, where the lead
    came back too often and nobody was named."""
    return wish if attempt <= plan.max_attempts else wish.escalated()
