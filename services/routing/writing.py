"""From a placement to the attempt, its event and the record of the decision. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from schemas.assignment import AssignmentStatus
from schemas.score import LeadScored
from services.kernel.conditions import NotedFacts
from services.routing import reason
from services.routing.board import Board
from services.routing.model import Attempt, Change, ClosedBy, LeadState, Origin, assignment_id
from services.routing.returning import moves_down
from services.routing.subject import How, Placement, Subject

_END = {
    AssignmentStatus.ASSIGNED: "assigned",
    AssignmentStatus.ESCALATED: "assigned",
    AssignmentStatus.HELD: "held",
    AssignmentStatus.NURTURED: "nurtured",
    AssignmentStatus.CLOSED: "diverted",
}


def _class_of(placement: Placement) -> str:
    if placement.level is not None:
        return owner_class(placement.level, None)
    return owner_class(None, placement.target.pool)


def _experiments(attempt: Attempt, subject: Subject, placement: Placement) -> Mapping[str, str]:
    """The arms that a lead was routed by: not one whose owner has it, whatever the rules say; one
    that comes back keeps those that it had."""
    if subject.pool is not None or subject.wish.to is not None:
        return attempt.experiments
    if placement.level is not None:
        return {}
    return {one.experiment: one.arm for one in placement.target.drawn}


def owner_class(level: str | None, pool: str | None) -> str:
    """What makes somebody the owner; a later revision moves a lead only where this changes."""
    if level is not None:
        return f"owner:{level}"
    return f"pool:{pool}" if pool is not None else "nurture"


def as_of(lead: LeadState, event: LeadScored) -> LeadScored:
    """What was scored of somebody who is this lead now: decided with, and not kept, as it is
    another lead's revision."""
    own = {"lead_id": lead.lead_id, "account_key": lead.account_key}
    known = lead.scored or event
    revisions = {"lead_revision": known.lead_revision, "score_revision": known.score_revision}
    return event.model_copy(update={"lead": event.lead.model_copy(update=own), **revisions})


def held_on(attempt: Attempt, placement: Placement) -> Attempt:
    """The attempt, which has to wait on."""
    return attempt.held_on(
        placement.pool,
        placement.held_until,
        placement.unfit,
        placement.waits_for,
        placement.offered_until,
    )


def falls(attempt: Attempt, event: LeadScored, placement: Placement) -> bool:
    """As :func:`moves_down`, of an attempt and the newest score."""
    own = event.submission_id == attempt.origin.submission_id
    return moves_down(attempt.status, placement, own=own)


def pool_of(board: Board, old: Attempt, facts: Mapping[str, object]) -> str | None:
    """Where a lead that came back stays: its pool, else the rules'. It is not nurtured now."""
    if board.plan.pool(old.pool) is not None:
        return old.pool
    return board.rules.target_of(facts).pool or board.rules.catch_all.pool


def open_attempt(board: Board, lead: LeadState, event: LeadScored, origin: Origin) -> Attempt:
    """The lead's next attempt, not placed yet."""
    cycle, number = lead.numbering()
    return Attempt(
        assignment_id=assignment_id(lead.lead_id, board.role, cycle, number),
        lead_id=lead.lead_id,
        account_key=lead.account_key,
        role=board.role,
        cycle=cycle,
        attempt=number,
        status=AssignmentStatus.HELD,
        origin=origin,
        tier=event.tier,
        rep_id=None,
        pool=None,
        reason="",
        rule_path="",
        config_version=board.version,
        decided_at=board.now,
        changed_at=board.now,
        touched_at=board.now,
        experiments=lead.last.experiments if lead.last is not None and number > 1 else {},
    )


def subject_of(
    board: Board,
    attempt: Attempt,
    event: LeadScored,
    *,
    owned_before: str | None = None,
    draining: bool = False,
) -> Subject:
    """The lead as it is to be placed.

    :param owned_before: who had it in the cycle before, where the attempt says nothing of it.
    """
    ahead = board.loaded.ahead_of(event)
    return Subject(
        lead_id=attempt.lead_id,
        account_key=attempt.account_key,
        assignment_id=attempt.assignment_id,
        facts=ahead.facts if ahead is not None else NotedFacts(board.facts(event)),
        tier=event.tier,
        received_at=attempt.origin.received_at,
        excluded=attempt.excluded,
        held_since=attempt.held_since,
        owned_before=owned_before or attempt.waits_for,
        draining=draining,
    )


def write(
    board: Board,
    lead: LeadState,
    attempt: Attempt,
    subject: Subject,
    placement: Placement,
    event: LeadScored,
    origin: Origin,
    *,
    end: bool = False,
) -> Change:
    """The attempt as it was placed, the event that tells of it and the record of the decision."""
    now, held = board.now, placement.status is AssignmentStatus.HELD
    diverted = placement.how is How.DIVERTED
    text = reason.of_placement(board.plan, subject.facts, placement)
    moved = replace(
        attempt,
        status=placement.status,
        tier=event.tier,
        rep_id=placement.rep,
        pool=placement.pool,
        reason=text,
        rule_path=placement.target.path,
        config_version=board.version,
        changed_at=now,
        touched_at=now,
        given_at=now if placement.rep is not None else None,
        held_since=(attempt.held_since or now) if held else None,
        held_until=placement.held_until,
        unfit=placement.unfit,
        waits_for=placement.waits_for,
        offered_until=placement.offered_until,
        closed_by=ClosedBy.DIVERTED if diverted else None,
        diverted=placement.target.divert if diverted else None,
        turn=placement.turn,
        owner_class=_class_of(placement),
        experiments=_experiments(attempt, subject, placement),
    )
    waited = now - attempt.held_since if attempt.held_since is not None and not held else None
    revisions = {"lead_revision": event.lead_revision, "score_revision": event.score_revision}
    return board.move(
        lead,
        moved,
        origin=origin,
        scored=event,
        reason=text,
        end=_END[placement.status] if end else None,
        waited=waited,
        record={**placement.record, **revisions},
    )
