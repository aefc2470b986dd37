"""What a person is told about a lead: the one shape of all touches that fall due. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.touch import Audience, TouchDue, TouchMeans, TouchReason
from services.response.model import Lead


def telling(
    lead: Lead,
    due_at: datetime,
    reason: TouchReason,
    audience: Audience,
    note: str,
    *,
    means: TouchMeans = TouchMeans.OTHER,
    step: int | None = None,
    plan: str | None = None,
    ended: str | None = None,
) -> TouchDue:
    """To whoever has the lead now, or to who stands above them.

    :param note: one sentence for a person.
    """
    return TouchDue(
        assignment_id=lead.assignment_id,
        lead_id=lead.lead_id,
        account_key=lead.account_key,
        rep_id=lead.rep_id or "",
        due_at=due_at,
        reason=reason,
        audience=audience,
        pool=lead.pool,
        tier=lead.tier,
        means=means,
        step=step,
        plan=plan,
        ended=ended,
        note=note,
    )
