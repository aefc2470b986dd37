"""Changes of assignments, made of the contract's example."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.touch import Audience, TouchDue, TouchReason
from tests.support.examples import good

ASSIGNED = AssignmentChanged.read(good("assignment.changed.v1", "assigned"))


def changed(
    status: AssignmentStatus = AssignmentStatus.ASSIGNED,
    *,
    of: AssignmentChanged | None = None,
    lead: dict[str, Any] | None = None,
    **fields: Any,
) -> AssignmentChanged:
    """A change of a new lead, or the next of the same one (``of``)."""
    if of is None:
        base = ASSIGNED.model_copy(update={"lead_id": uuid4(), "assignment_id": uuid4()})
        base = base.model_copy(update={"sequence": 1})
    else:
        base = of.model_copy(update={"sequence": of.sequence + 1})
    block = base.lead.model_copy(update=lead or {})
    values = {"status": status, "lead": block, "submission_id": uuid4(), **fields}
    return AssignmentChanged.model_validate(base.model_copy(update=values).model_dump())


def next_attempt(of: AssignmentChanged, rep: str, name: str) -> AssignmentChanged:
    """The lead goes on to another rep."""
    assert of.rep is not None
    other = of.rep.model_copy(
        update={"id": rep, "name": name, "external_ids": {"slack": f"U{rep.upper()}"}}
    )
    attempt: dict[str, Any] = {"assignment_id": UUID(int=of.assignment_id.int ^ 1)}
    return changed(AssignmentStatus.REASSIGNED, of=of, rep=other, attempt=of.attempt + 1, **attempt)


def due(of: AssignmentChanged, audience: Audience = Audience.REP) -> TouchDue:
    """A reminder about an attempt."""
    assert of.rep is not None
    return TouchDue(
        assignment_id=of.assignment_id,
        lead_id=of.lead_id,
        account_key=of.account_key,
        rep_id=of.rep.id,
        due_at=of.decided_at,
        reason=TouchReason.REMINDER,
        audience=audience,
        note="Nobody called yet.",
    )
