"""The life of an attempt: which request is allowed when, by whom. Pure.

A request applies by compare-and-set: who asks for something that the attempt is past gets told so,
and nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.assignment import ACTIVE, AssignmentStatus, RequestAction
from services.routing.model import OPEN, Attempt, ClosedBy


class Refusal(StrEnum):
    """Why a request changes nothing."""

    OVER = "over"
    """The attempt has ended, or nobody has it."""
    NOT_YOURS = "not_yours"
    """Another rep has it."""
    STALE = "stale"
    """It is no longer in the status that the request expects."""
    NO_RECEIVER = "no_receiver"
    """The person who is to have it is not known, or has left."""
    NOT_OFFERED = "not_offered"
    """It does not lie on the list of a pull pool."""
    NO_MEMBER = "no_member"
    """Whoever claims it shares no leads of the pool."""
    BARRED = "barred"
    """Whoever claims it may not have it now."""


@dataclass(frozen=True, slots=True)
class Step:
    """The attempt moves on."""

    to: AssignmentStatus
    replaced: bool = False
    """A new attempt takes its place, in the same transaction."""
    returns_turn: bool = False
    """The rep gets the turn back; a breach does not give it back."""


@dataclass(frozen=True, slots=True)
class Done:
    """Already as asked: a retry, answered like the first time."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing happens, and why."""

    why: Refusal
    said: str = ""
    """More of it, for a person."""


Verdict = Step | Done | Refused

_STEPS: dict[RequestAction, tuple[frozenset[AssignmentStatus], Step]] = {
    RequestAction.ACCEPT: (ACTIVE, Step(AssignmentStatus.ACCEPTED)),
    RequestAction.REJECT: (
        ACTIVE,
        Step(AssignmentStatus.REJECTED, replaced=True, returns_turn=True),
    ),
    RequestAction.REASSIGN: (ACTIVE, Step(AssignmentStatus.EXPIRED, replaced=True)),
    # Whom nobody could take, too, may reach whoever answers for the pool.
    RequestAction.ESCALATE: (
        ACTIVE | {AssignmentStatus.HELD},
        Step(AssignmentStatus.EXPIRED, replaced=True),
    ),
    RequestAction.RELEASE: (OPEN, Step(AssignmentStatus.CLOSED)),
}

_CLAIM = frozenset({AssignmentStatus.HELD}), Step(AssignmentStatus.ASSIGNED)
_DIVERTED = Step(AssignmentStatus.CLOSED, returns_turn=True)

_PERSONAL = frozenset({RequestAction.ACCEPT, RequestAction.REJECT})
"""Only the rep who has the lead may ask for these."""


def judge(
    attempt: Attempt,
    action: RequestAction,
    rep_id: str | None,
    expected: AssignmentStatus | None = None,
    *,
    claim: bool = False,
    divert: bool = False,
) -> Verdict:
    """What a request does to an attempt.

    :param rep_id: who asks; for accept and reject the rep who has the lead.
    :param expected: the status that the asker saw last, where it matters to them.
    :param claim: an ``accept`` of what nobody has yet.
    :param divert: a ``reject`` or ``release`` of what is no lead.
    """
    if divert and attempt.closed_by is ClosedBy.DIVERTED:
        return Done()
    personal = action in _PERSONAL
    if personal and rep_id == attempt.rep_id and _is_done(attempt, action):
        return Done()
    if expected is not None and attempt.status is not expected:
        return Refused(Refusal.STALE)
    allowed, step = _CLAIM if claim else _STEPS[action]
    if attempt.status not in allowed:
        return Refused(Refusal.OVER)
    if personal and not claim and rep_id != attempt.rep_id:
        return Refused(Refusal.NOT_YOURS)
    return _DIVERTED if divert else step


def _is_done(attempt: Attempt, action: RequestAction) -> bool:
    return action is RequestAction.ACCEPT and attempt.status is AssignmentStatus.ACCEPTED
