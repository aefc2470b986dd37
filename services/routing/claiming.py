"""Taking a lead from the list of a pull pool: one of its members has it, or nobody. Pure.

Decided under the same locks as everything else, so of two who claim at once the second finds that
the first has it.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.assignment import AssignmentStatus
from schemas.score import LeadScored
from services.kernel.people import Pool
from services.routing import reason
from services.routing.board import Board
from services.routing.candidates import claim_bar
from services.routing.explain import lost
from services.routing.life import Refusal, Refused
from services.routing.model import Attempt, Change
from services.routing.placement import place
from services.routing.seats import seats
from services.routing.subject import Subject, Wish
from services.routing.writing import subject_of, write


def claimed(
    board: Board, attempt: Attempt, event: LeadScored, rep: str, said: str
) -> Refused | tuple[Change, ...]:
    """Give a held lead to the member who claims it, and take it as accepted.

    :param said: what the member says, for the record.
    """
    pool = board.plan.pool(attempt.pool)
    subject = subject_of(board, attempt, event)
    refused = refusal(board, pool, attempt.waits_for, subject, rep)
    if refused is not None or pool is None:
        return refused or Refused(Refusal.NOT_OFFERED)
    subject = replace(subject, pool=pool.id, wish=Wish(rep, claim=True))
    placement = place(board, subject)
    placement.record["request"] = {"action": "claim", "by": rep, "reason": said.strip()[:500]}
    lead = board.lead_of(attempt)
    given = write(board, lead, attempt, subject, placement, event, attempt.origin)
    name = reason.name(board.plan, rep)
    taken = replace(
        given.attempt, status=AssignmentStatus.ACCEPTED, reason=f"{name} accepted by claiming it."
    )
    accepted = board.move(
        board.lead_of(taken), taken, origin=attempt.origin, scored=event, reason=taken.reason
    )
    return given, accepted


def refusal(
    board: Board, pool: Pool | None, waits_for: str | None, subject: Subject, rep: str
) -> Refused | None:
    """Why somebody cannot claim a lead; None where they can."""
    if pool is None or pool.pull is None or waits_for is not None:
        return Refused(Refusal.NOT_OFFERED)
    if rep not in seats(board, pool).weights:
        return Refused(Refusal.NO_MEMBER, f"{rep} is no member of pool {pool.id}.")
    barred = claim_bar(board, pool, subject, rep)
    if barred is None:
        return None
    return Refused(Refusal.BARRED, f"{rep} {lost(barred.why.value)}.")
