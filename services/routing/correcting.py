"""A later revision of a lead that a rep has: it may move it once, early, or only tells. Pure.

Source of the limits: within ten minutes of the first decision, before accept and any touch, at most
once, and only where the owner class (owner by level, the rule's pool, or nurture) changes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from schemas.assignment import AssignmentStatus
from schemas.score import LeadScored
from services.routing import owner, reason, relief
from services.routing.board import Board
from services.routing.model import Attempt, Change, LeadState
from services.routing.placement import place
from services.routing.subject import Subject
from services.routing.writing import open_attempt, owner_class, subject_of, write

WITHIN = timedelta(minutes=10)
"""Of the first decision."""


def corrected(board: Board, lead: LeadState, attempt: Attempt, event: LeadScored) -> list[Change]:
    """What a newer revision does to a lead that somebody has."""
    subject = subject_of(board, attempt, event)
    wanted = _class(board, subject)
    if attempt.owner_class is None or wanted == attempt.owner_class or wanted == "nurture":
        return []
    if not _movable(board, attempt):
        return [_told(board, lead, attempt, event, wanted)]
    return _moved(board, lead, attempt, event, wanted)


def _movable(board: Board, attempt: Attempt) -> bool:
    untouched = attempt.status is AssignmentStatus.ASSIGNED and attempt.worked_at is None
    # A correction is the second attempt of its cycle, so there is never another.
    return untouched and attempt.attempt == 1 and board.now - attempt.decided_at <= WITHIN


def _class(board: Board, subject: Subject) -> str:
    """Where the lead belongs by what is known now."""
    found = owner.of_lead(board, subject).owner
    if found is not None:
        return owner_class(found.level.value, None)
    return owner_class(None, board.rules.target_of(subject.facts).pool)


def _moved(
    board: Board, lead: LeadState, attempt: Attempt, event: LeadScored, wanted: str
) -> list[Change]:
    why = f"More is known now: it belongs to {_words(wanted)}."
    ended = replace(
        relief.given_back(board, attempt),
        status=AssignmentStatus.EXPIRED,
        changed_at=board.now,
        reason=why,
    )
    over = board.move(
        lead,
        ended,
        origin=attempt.origin,
        scored=event,
        reason=why,
        record={"correction": {"was": attempt.owner_class, "is": wanted}},
    )
    opened = replace(
        open_attempt(board, board.lead_of(ended), event, attempt.origin),
        previous_rep_id=attempt.rep_id,
    )
    subject = subject_of(board, opened, event)
    placement = place(board, subject)
    if placement.status is AssignmentStatus.ASSIGNED:
        placement = replace(placement, status=AssignmentStatus.REASSIGNED)
    lead = board.lead_of(ended)
    return [over, write(board, lead, opened, subject, placement, event, attempt.origin)]


def _told(
    board: Board, lead: LeadState, attempt: Attempt, event: LeadScored, wanted: str
) -> Change:
    """Too late to move it: its owner hears of it, and keeps it."""
    kept = replace(attempt, tier=event.tier, changed_at=board.now, owner_class=wanted)
    name = reason.name(board.plan, attempt.rep_id)
    text = f"More is known now: it would belong to {_words(wanted)}; {name} keeps it."
    return board.move(lead, kept, origin=attempt.origin, scored=event, reason=text)


def _words(wanted: str) -> str:
    kind, _, name = wanted.partition(":")
    return f"pool {name}" if kind == "pool" else f"its owner (by {name.replace('_', ' ')})"
