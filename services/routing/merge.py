"""Two leads of one person become one: what becomes of the attempts of one role. Pure.

The survivor keeps its owner. Where it has none and the other has, that owner has the survivor from
now on, as far along as they were. Where only the other waits for somebody, the survivor waits on;
where both do, since the earlier of the two came.
The other is over; its turn is given back where two turns were charged for one person.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from schemas.assignment import AssignmentStatus
from schemas.base import RoleName
from schemas.score import LeadScored
from services.routing import reason, recording, relief
from services.routing.board import Board
from services.routing.model import Attempt, Change, ClosedBy, LeadState
from services.routing.placement import place
from services.routing.subject import Wish
from services.routing.writing import as_of, open_attempt, pool_of, subject_of, write

_KEPT = frozenset({AssignmentStatus.ACCEPTED, AssignmentStatus.ESCALATED})
"""An owner who comes along stays as far as this."""


def merged(board: Board, survivor: UUID, other: UUID, why: str) -> list[Change]:
    """Close the other's attempt and give the survivor what it lacks.

    :param why: the asker's reason, as a sentence quotes it.
    """
    kept, gone = board.loaded.leads.get(survivor), board.loaded.leads.get(other)
    if kept is None or gone is None:
        return []
    attempt = gone.open
    # Told in any case, once: whoever follows the other lead must learn which one stands for it.
    tells = attempt is not None or board.role is RoleName.SDR
    changes = _closed(board, kept, gone, attempt, why) if tells else []
    if attempt is None:
        return changes
    mine = kept.open
    if mine is not None and mine.is_active:
        return [*changes, *_told(board, kept, mine, attempt)]
    if attempt.is_active and attempt.rep_id is not None:
        changes.append(_handed(board, kept, mine, attempt))
    elif attempt.status is AssignmentStatus.HELD:
        if mine is None or mine.status is AssignmentStatus.NURTURED:
            changes.append(_waits_on(board, kept, mine, attempt))
        elif attempt.origin.received_at < mine.origin.received_at:
            changes.append(_waited_longer(board, kept, mine, attempt))
    return changes


def _waits_on(board: Board, kept: LeadState, mine: Attempt | None, theirs: Attempt) -> Change:
    """The person waits as before, as the survivor: placed anew, and else where the other waited."""
    scored = board.lead_of(theirs).scored or kept.scored
    assert scored is not None
    event = as_of(kept, scored)
    opened = mine or open_attempt(board, kept, event, theirs.origin)
    opened = replace(opened, origin=theirs.origin, held_since=theirs.held_since)
    return _placed(board, kept, _joined(opened, theirs), event, theirs)


def _waited_longer(board: Board, kept: LeadState, mine: Attempt, theirs: Attempt) -> Change:
    """What the survivor asked for, with the place in the queue of who came first."""
    assert kept.scored is not None
    began = [one.held_since for one in (mine, theirs) if one.held_since is not None]
    first = replace(mine.origin, received_at=theirs.origin.received_at)
    opened = replace(mine, origin=first, held_since=min(began, default=None))
    return _placed(board, kept, _joined(opened, theirs), kept.scored, mine)


def _joined(opened: Attempt, theirs: Attempt) -> Attempt:
    """Who had either of them before does not get the survivor."""
    excluded = dict.fromkeys((*opened.excluded, *theirs.excluded))
    return replace(opened, excluded=tuple(excluded))


def _placed(
    board: Board, kept: LeadState, opened: Attempt, event: LeadScored, waited: Attempt
) -> Change:
    """Placed anew; where nobody is to have it, it waits on where ``waited`` did."""
    subject = subject_of(board, opened, event)
    placement = place(board, subject)
    if placement.status in (AssignmentStatus.NURTURED, AssignmentStatus.CLOSED):
        subject = replace(subject, pool=pool_of(board, waited, subject.facts))
        placement = place(board, subject)
    return write(board, kept, opened, subject, placement, event, opened.origin)


def _closed(
    board: Board, kept: LeadState, gone: LeadState, attempt: Attempt | None, why: str
) -> list[Change]:
    """The other is over, and says where it went; also where nobody had it any more."""
    last = attempt or gone.last
    if last is None or gone.scored is None:
        return []
    text = f"Merged into lead {kept.lead_id}{why}; that one stands for both."
    ended, returned = last, False
    if attempt is not None:
        twice = kept.open is not None and kept.open.is_active and attempt.is_active
        over = relief.given_back(board, attempt) if twice else attempt
        returned = over is not attempt
        ended = replace(
            over,
            status=AssignmentStatus.CLOSED,
            closed_by=ClosedBy.MERGED,
            changed_at=board.now,
            held_until=None,
            waits_for=None,
            reason=text,
        )
    record: dict[str, object] = {"closed": {"by": "merged", "into": str(kept.lead_id)}}
    if returned:
        record |= recording.returned(ended)
    return [
        board.move(
            gone,
            ended,
            origin=ended.origin,
            scored=gone.scored,
            reason=text,
            status=AssignmentStatus.CLOSED,
            record=record,
            merged_into=kept.lead_id,
        )
    ]


def _told(board: Board, kept: LeadState, mine: Attempt, theirs: Attempt) -> list[Change]:
    """The survivor's owner hears of a hand-raise that nobody had taken up yet."""
    if kept.scored is None or theirs.worked_at is not None or not _untaken(theirs):
        return []
    later = max(mine.touched_at, theirs.touched_at)
    touched = replace(mine, touched_at=later, changed_at=board.now)
    name = reason.name(board.plan, mine.rep_id)
    text = f"The same person came as another lead, which is merged now: {name} hears of it."
    return [
        board.move(
            board.lead_of(mine),
            touched,
            origin=theirs.origin,
            scored=kept.scored,
            reason=text,
            status=AssignmentStatus.RE_ENGAGED,
        )
    ]


def _untaken(attempt: Attempt) -> bool:
    return attempt.status is not AssignmentStatus.ACCEPTED


def _handed(board: Board, kept: LeadState, mine: Attempt | None, theirs: Attempt) -> Change:
    """Who has the other has the survivor; the turn that it cost stays charged."""
    scored = kept.scored or board.lead_of(theirs).scored
    assert scored is not None
    opened = mine or open_attempt(board, kept, scored, theirs.origin)
    subject = subject_of(board, opened, scored)
    subject = replace(subject, pool=theirs.pool, wish=Wish(theirs.rep_id))
    placement = place(board, subject)
    if theirs.status in _KEPT:
        placement = replace(placement, status=theirs.status)
    opened = replace(opened, worked_at=theirs.worked_at)
    return write(board, kept, opened, subject, placement, scored, opened.origin)
