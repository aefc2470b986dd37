"""The life of an attempt: which request is allowed when, by whom. Pure.

A request applies by compare-and-set: who asks for something that the attempt is past gets told so,
and nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.assignment import ACTIVE, AssignmentStatus, RequestAction
from services.routing.model import OPEN, Attempt


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


Verdict = Step | Done | Refused

_STEPS: dict[RequestAction, tuple[frozenset[AssignmentStatus], Step]] = {
    RequestAction.ACCEPT: (ACTIVE, Step(AssignmentStatus.ACCEPTED)),
    RequestAction.REJECT: (
        ACTIVE,
        Step(AssignmentStatus.REJECTED, replaced=True, returns_turn=True),
    ),
    RequestAction.REASSIGN: (ACTIVE, Step(AssignmentStatus.EXPIRED, replaced=True)),
    RequestAction.ESCALATE: (ACTIVE, Step(AssignmentStatus.EXPIRED, replaced=True)),
    RequestAction.RELEASE: (OPEN, Step(AssignmentStatus.CLOSED)),
}

_PERSONAL = frozenset({RequestAction.ACCEPT, RequestAction.REJECT})
"""Only the rep who has the lead may ask for these."""


def judge(
    attempt: Attempt,
    action: RequestAction,
    rep_id: str | None,
    expected: AssignmentStatus | None = None,
) -> Verdict:
    """What a request does to an attempt.

    :param rep_id: who asks; for accept and reject the rep who has the lead.
    :param expected: the status that the asker saw last, where it matters to them.
    """
    personal = action in _PERSONAL
    if personal and rep_id == attempt.rep_id and _is_done(attempt, action):
        return Done()
    if expected is not None and attempt.status is not expected:
        return Refused(Refusal.STALE)
    allowed, step = _STEPS[action]
    if attempt.status not in allowed:
        return Refused(Refusal.OVER)
    if personal and rep_id != attempt.rep_id:
        return Refused(Refusal.NOT_YOURS)
    return step


def _is_done(attempt: Attempt, action: RequestAction) -> bool:
    return action is RequestAction.ACCEPT and attempt.status is AssignmentStatus.ACCEPTED
