"""What becomes of one submission, one late score, one held lead or one that comes back. Pure.

Each function changes the board and gives the events to be, in order. Every submission has exactly
one change with an ``end``.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from schemas.assignment import AssignmentStatus
from schemas.lead import Repeat
from schemas.score import LeadScored
from services.routing import reason
from services.routing.board import Board
from services.routing.correcting import corrected
from services.routing.model import Attempt, Change, ClosedBy, LeadState, Origin
from services.routing.placement import place
from services.routing.returning import Returning, next_wish, returning
from services.routing.subject import Wish
from services.routing.writing import (
    as_of,
    falls,
    held_on,
    open_attempt,
    pool_of,
    subject_of,
    write,
)

MERGED = "merged"


def scored(board: Board, event: LeadScored, cause: UUID) -> list[Change]:
    """Decide one LeadScored; ``cause`` is the id of its event."""
    lead = board.lead(event.lead.lead_id, event.lead.account_key)
    if lead.merged_into is not None:
        return _for_another(board, board.survivor(lead), event, cause)
    fresh = event.score_revision > lead.score_revision
    if fresh:
        lead = board.keep_score(lead, event)
    if event.late or event.submission_id is None:
        return _late(board, lead, event, cause) if fresh else []
    newest = lead.scored or event
    origin = Origin.of(event, cause)
    attempt = lead.last
    if attempt is not None and (not fresh or event.repeat is Repeat.DOUBLE_SUBMIT):
        return [_merged(board, lead, attempt, newest, origin, _SEEN[fresh])]
    return _touched(board, lead, newest, origin)


def _for_another(board: Board, lead: LeadState, event: LeadScored, cause: UUID) -> list[Change]:
    """A submission that was on its way when its lead was merged into this one."""
    if event.late or event.submission_id is None:
        return []
    return _touched(board, lead, as_of(lead, event), Origin.of(event, cause))


def _touched(board: Board, lead: LeadState, newest: LeadScored, origin: Origin) -> list[Change]:
    """A submission of somebody, with the newest that is known of them."""
    attempt = lead.last
    if (attempt is None or not attempt.is_open) and lead.later is not None:
        return [_with_next_role(board, lead, lead.later, newest, origin)]
    if attempt is None or not attempt.is_open:
        return [_first(board, lead, newest, origin)]
    if attempt.is_active:
        return _known(board, lead, attempt, newest, origin)
    changed = _again(board, lead, attempt, newest, origin, end=True)
    return changed or [_merged(board, lead, attempt, newest, origin, "nothing has changed")]


_SEEN = {
    True: "the same person sent the form again within minutes",
    False: "a later touch of the same person was decided before",
}


def drained(board: Board, attempt: Attempt, event: LeadScored) -> list[Change]:
    """Try a held lead again; no change where it still has to wait."""
    lead = board.lead_of(attempt)
    subject = subject_of(board, attempt, event, draining=True)
    placement = place(board, subject)
    if falls(attempt, event, placement):
        # A later touch or other rules would not have held it. It does not move down, nor is it
        # forgotten: it goes on waiting where it waits.
        subject = replace(subject, pool=pool_of(board, attempt, subject.facts))
        placement = place(board, subject)
    if placement.status is AssignmentStatus.HELD:
        due = attempt.held_until is None or attempt.held_until <= board.now
        waits_for = placement.waits_for
        if due or placement.pool != attempt.pool or waits_for != attempt.waits_for:
            board.put(held_on(attempt, placement))
        return []
    return [write(board, lead, attempt, subject, placement, event, attempt.origin)]


def replaced(board: Board, lead: LeadState, old: Attempt, event: LeadScored, wish: Wish) -> Change:
    """The next attempt of a lead whose last one was rejected or expired."""
    last = old.rep_id
    excluded = (*old.excluded, last) if last is not None else old.excluded
    opened = replace(
        open_attempt(board, lead, event, old.origin), previous_rep_id=last, excluded=excluded
    )
    subject = subject_of(board, opened, event)
    subject = replace(
        subject,
        pool=wish.pool or pool_of(board, old, subject.facts),
        wish=next_wish(board.plan, opened.attempt, wish),
    )
    placement = place(board, subject)
    if placement.status is AssignmentStatus.ASSIGNED:
        placement = replace(placement, status=AssignmentStatus.REASSIGNED)
    if placement.cleared is not None:
        opened = replace(opened, excluded=placement.cleared)
    return write(board, lead, opened, subject, placement, event, old.origin)


# -- the cases ----------------------------------------------------------------------------------
def _first(board: Board, lead: LeadState, event: LeadScored, origin: Origin) -> Change:
    """No attempt is open: this submission opens one."""
    opened = open_attempt(board, lead, event, origin)
    before = _owned_before(board, lead.last)
    if before is not None:
        opened = replace(opened, previous_rep_id=before)
    return _placed(board, lead, opened, event, origin, before)


_STILL_OWNED = frozenset({ClosedBy.IDLE, ClosedBy.LOST, ClosedBy.WON})
"""After these the person's next submission goes to who had the lead, unless that is long ago."""


def _owned_before(board: Board, last: Attempt | None) -> str | None:
    if last is None or last.closed_by not in _STILL_OWNED:
        return None
    return last.rep_id if board.now - last.touched_at <= board.plan.anew_after else None


def _known(
    board: Board, lead: LeadState, attempt: Attempt, event: LeadScored, origin: Origin
) -> list[Change]:
    """Another touch of a person whom a rep has."""
    plan = board.plan
    name = reason.name(plan, attempt.rep_id)
    status = AssignmentStatus
    match returning(plan, attempt.rep_id, event.kind, board.now - attempt.touched_at):
        case Returning.LEFT:
            why = f"{name} has left"
            return _anew(board, lead, attempt, status.EXPIRED, event, origin, why)
        case Returning.STALE:
            why = f"{name} heard nothing of it for {plan.anew_after.days} days"
            return _anew(board, lead, attempt, status.CLOSED, event, origin, why)
        case Returning.ASKS:
            return [_told_again(board, lead, attempt, event, origin)]
        case Returning.KNOWN:
            return [_merged(board, lead, attempt, event, origin, f"{name} has this lead")]


def _told_again(
    board: Board, lead: LeadState, attempt: Attempt, event: LeadScored, origin: Origin
) -> Change:
    """The owner hears of the lead again, with a new clock."""
    touched = replace(attempt, touched_at=board.now, changed_at=board.now, tier=event.tier)
    name = reason.name(board.plan, attempt.rep_id)
    text = f"{reason.who(board.facts(event))}: {name} has this lead already and hears of it again."
    return board.move(
        lead,
        touched,
        origin=origin,
        scored=event,
        reason=text,
        status=AssignmentStatus.RE_ENGAGED,
        end=MERGED,
    )


def _with_next_role(
    board: Board, lead: LeadState, later: Attempt, event: LeadScored, origin: Origin
) -> Change:
    """The lead was handed over: whoever has it there hears of it."""
    if event.kind in board.plan.hand_raises:
        change = _told_again(board, lead, later, event, origin)
    else:
        name = reason.name(board.plan, later.rep_id)
        text = f"{reason.who(board.facts(event))}: {name} has this lead."
        change = board.move(lead, later, origin=origin, scored=event, reason=text, end=MERGED)
    board.stay(lead)
    return change


def _anew(
    board: Board,
    lead: LeadState,
    attempt: Attempt,
    status: AssignmentStatus,
    event: LeadScored,
    origin: Origin,
    why: str,
) -> list[Change]:
    """The attempt ends for a reason of its own, and the submission opens the next."""
    closed_by = ClosedBy.ANEW if status is AssignmentStatus.CLOSED else None
    ended = replace(
        attempt, status=status, changed_at=board.now, reason=f"{why}.", closed_by=closed_by
    )
    over = board.move(lead, ended, origin=attempt.origin, scored=event, reason=ended.reason)
    lead = board.lead_of(ended)
    opened = replace(open_attempt(board, lead, event, origin), previous_rep_id=attempt.rep_id)
    if status is AssignmentStatus.EXPIRED:
        opened = replace(opened, excluded=attempt.excluded)
    return [over, _placed(board, lead, opened, event, origin)]


def _again(
    board: Board,
    lead: LeadState,
    attempt: Attempt,
    event: LeadScored,
    origin: Origin,
    *,
    end: bool,
) -> list[Change]:
    """A lead that waits or is nurtured may move up with what is known now, never down."""
    newer = replace(attempt, tier=event.tier)
    subject = subject_of(board, newer, event)
    placement = place(board, subject)
    was, now = attempt.status, placement.status
    if was is AssignmentStatus.HELD and now is AssignmentStatus.HELD:
        board.put(held_on(newer, placement))
        return []
    if falls(attempt, event, placement):
        return []
    lead = board.lead_of(attempt)
    return [write(board, lead, newer, subject, placement, event, origin, end=end)]


def _late(board: Board, lead: LeadState, event: LeadScored, cause: UUID) -> list[Change]:
    """A newer score without a submission of its own."""
    attempt = lead.open
    if attempt is None:
        return []
    if attempt.is_active:
        return corrected(board, lead, attempt, event)
    return _again(board, lead, attempt, event, attempt.origin, end=False)


def _merged(
    board: Board,
    lead: LeadState,
    attempt: Attempt,
    event: LeadScored,
    origin: Origin,
    why: str,
) -> Change:
    """The unchanged status under the next sequence."""
    attempt = board.lead_of(attempt).last or attempt
    text = f"{reason.who(board.facts(event))}: {why}; the lead stays {attempt.status.value}."
    return board.move(
        board.lead_of(attempt), attempt, origin=origin, scored=event, reason=text, end=MERGED
    )


def _placed(
    board: Board,
    lead: LeadState,
    opened: Attempt,
    event: LeadScored,
    origin: Origin,
    before: str | None = None,
) -> Change:
    """The end of the submission that opened an attempt."""
    subject = subject_of(board, opened, event, owned_before=before)
    placement = place(board, subject)
    return write(board, lead, opened, subject, placement, event, origin, end=True)
