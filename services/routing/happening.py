"""What an activity does to a lead: closes it, hands it over, counts as work on it. Pure.

Each role's attempts are decided on a board of their own, in the order of the roles: what ends or
begins there is found in ``handed``.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import AssignmentStatus
from schemas.base import RoleName
from schemas.score import LeadScored
from services.routing import reason
from services.routing.board import Board
from services.routing.model import Attempt, Change, ClosedBy, LeadState
from services.routing.placement import place
from services.routing.subject import Wish
from services.routing.writing import open_attempt, subject_of, write

CLOSING = {
    ActivityName.WON: ClosedBy.WON,
    ActivityName.LOST: ClosedBy.LOST,
    ActivityName.DISQUALIFIED: ClosedBy.DISQUALIFIED,
}
NEXT_ROLE = {ActivityName.QUALIFIED: RoleName.AE, ActivityName.WON: RoleName.CSM}
"""Which role takes a lead over, where the configuration has rules for it."""
_BY_REPS = frozenset(
    {
        ActivityName.CALL_ATTEMPTED,
        ActivityName.CALL_CONNECTED,
        ActivityName.EMAIL_SENT,
        ActivityName.LINKEDIN_TOUCH,
        ActivityName.MESSAGE_SENT,
    }
)
"""Work on the lead only where a person did it."""
_BY_BUYERS = frozenset(
    {ActivityName.EMAIL_REPLIED, ActivityName.MEETING_BOOKED, ActivityName.MEETING_HELD}
)
RELEVANT = (
    _BY_REPS
    | _BY_BUYERS
    | CLOSING.keys()
    | {
        ActivityName.QUALIFIED,
        ActivityName.SALES_ACCEPTED,
        ActivityName.NO_SHOW,
        ActivityName.OPPORTUNITY_CREATED,
        ActivityName.UNSUBSCRIBED,
        ActivityName.TRIAL_ACTION,
    }
)
"""Whatever else is recorded changes nothing here."""

_CLOCKS_DIFFER = timedelta(minutes=1)
"""A CRM may write whole minutes, by a clock of its own."""

Handed = MutableMapping[UUID, Attempt]
"""Lead to the attempt of the role that hands it over, in this transaction."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An activity with the lead that it is about."""

    event: ActivityRecorded
    lead_id: UUID


def happened(board: Board, one: Happened, handed: Handed) -> list[Change]:
    """What one activity does to the attempts of the board's role."""
    lead = board.loaded.leads.get(one.lead_id)
    if lead is None or lead.scored is None:
        return []
    event, scored = one.event, lead.scored
    lead = board.note(lead, event.activity.value, event.occurred_at)
    if NEXT_ROLE.get(event.activity) is board.role:
        return _taken_over(board, lead, scored, handed)
    attempt = lead.open
    # What is older than the submission is about a cycle before.
    if attempt is None or event.occurred_at < attempt.origin.received_at - _CLOCKS_DIFFER:
        return []
    if event.activity in CLOSING:
        handed[one.lead_id] = attempt
        return [_closed(board, lead, attempt, scored, event)]
    if event.activity is ActivityName.QUALIFIED and attempt.is_active:
        handed[one.lead_id] = attempt
        attempt = replace(attempt, qualified_at=attempt.qualified_at or event.occurred_at)
        return _accepted(board, lead, attempt, event, "qualified it")
    if not attempt.is_active:
        return []
    if event.activity is ActivityName.SALES_ACCEPTED and event.rep_id == attempt.rep_id:
        return _accepted(board, lead, attempt, event, "accepted")
    if _is_work(event):
        at = max(event.occurred_at, attempt.worked_at or event.occurred_at)
        board.put(replace(attempt, worked_at=at))
    return []


def idle(board: Board, lead_id: UUID, after: timedelta) -> list[Change]:
    """Close an attempt about which nothing happened for so long."""
    lead = board.loaded.leads.get(lead_id)
    attempt = lead.open if lead is not None else None
    if lead is None or lead.scored is None or attempt is None or not attempt.is_active:
        return []
    if not is_idle(attempt, board.now, after):
        return []
    why = f"Nothing happened for {after.days} days; the next submission starts anew."
    return [_close(board, lead, attempt, lead.scored, ClosedBy.IDLE, why)]


def is_idle(attempt: Attempt, now: datetime, after: timedelta) -> bool:
    """Neither the person came again nor anybody worked on it."""
    return now - max(attempt.touched_at, attempt.worked_at or attempt.touched_at) >= after


def handed_over(board: Board, lead_id: UUID, by: str) -> list[Change]:
    """The next role accepted a lead: the attempt before it is over."""
    lead = board.loaded.leads.get(lead_id)
    attempt = lead.open if lead is not None else None
    if lead is None or attempt is None or lead.scored is None:
        return []
    why = f"{by} has taken it over."
    return [_close(board, lead, attempt, lead.scored, ClosedBy.HANDED_OVER, why)]


def handed_back(board: Board, back: Attempt, by: str, said: str) -> list[Change]:
    """The next role gives a lead back: whoever handed it over hears of it, or has it again."""
    lead = board.loaded.leads.get(back.lead_id)
    if lead is None or lead.scored is None:
        return []
    why = f"{by} gave it back{said}"
    attempt = lead.open
    if attempt is not None and attempt.is_active:
        touched = replace(attempt, touched_at=board.now, changed_at=board.now)
        return [
            board.move(
                lead,
                touched,
                origin=attempt.origin,
                scored=lead.scored,
                reason=f"{why}; {reason.name(board.plan, attempt.rep_id)} has it again.",
                status=AssignmentStatus.RE_ENGAGED,
            )
        ]
    if attempt is not None:
        return []
    return [_opened(board, lead, lead.scored, back, back.previous_rep_id)]


def _taken_over(board: Board, lead: LeadState, scored: LeadScored, handed: Handed) -> list[Change]:
    """By the next role's own rules; a full-cycle team keeps it with the same person."""
    before = handed.get(lead.lead_id)
    if before is None or lead.open is not None or board.plan.rule_set(board.role) is None:
        return []
    rep = board.plan.rep(before.rep_id)
    pool = board.plan.pool(before.pool)
    keeps = rep is not None and (
        rep.role is board.role or (pool is not None and pool.full_cycle and rep.active)
    )
    return [_opened(board, lead, scored, before, before.rep_id if keeps else None)]


def _opened(
    board: Board, lead: LeadState, scored: LeadScored, before: Attempt, to: str | None
) -> Change:
    origin = before.origin
    opened = replace(open_attempt(board, lead, scored, origin), previous_rep_id=before.rep_id)
    wish = Wish(to, keep=True) if to is not None and board.is_here(to) else Wish()
    subject = replace(subject_of(board, opened, scored), wish=wish)
    placement = place(board, subject)
    return write(board, lead, opened, subject, placement, scored, origin)


def _closed(
    board: Board, lead: LeadState, attempt: Attempt, scored: LeadScored, event: ActivityRecorded
) -> Change:
    by = CLOSING[event.activity]
    said = f" ({event.reason.strip()[:200]})" if event.reason and event.reason.strip() else ""
    return _close(board, lead, attempt, scored, by, f"Closed: {by.value}{said}.")


def _close(
    board: Board, lead: LeadState, attempt: Attempt, scored: LeadScored, by: ClosedBy, why: str
) -> Change:
    ended = replace(
        attempt,
        status=AssignmentStatus.CLOSED,
        closed_by=by,
        changed_at=board.now,
        held_until=None,
        waits_for=None,
        reason=why,
    )
    return board.move(
        lead,
        ended,
        origin=attempt.origin,
        scored=scored,
        reason=why,
        record={"closed": {"by": by.value}},
    )


def _accepted(
    board: Board, lead: LeadState, attempt: Attempt, event: ActivityRecorded, did: str
) -> list[Change]:
    worked = replace(attempt, worked_at=max(event.occurred_at, attempt.touched_at))
    if attempt.status is AssignmentStatus.ACCEPTED or lead.scored is None:
        board.put(worked)
        return []
    name = reason.name(board.plan, attempt.rep_id)
    accepted = replace(
        worked,
        status=AssignmentStatus.ACCEPTED,
        changed_at=board.now,
        reason=f"{name} {did}.",
    )
    return [
        board.move(
            lead,
            accepted,
            origin=attempt.origin,
            scored=lead.scored,
            reason=accepted.reason,
        )
    ]


def _is_work(event: ActivityRecorded) -> bool:
    if event.activity in _BY_BUYERS:
        return True
    return event.activity in _BY_REPS and event.actor is Actor.HUMAN
