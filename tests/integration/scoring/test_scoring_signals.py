"""Signals: once, for everybody at the account, and a lead of their own where nobody is known."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.base import KindName, Lane, Motion, TierName
from schemas.signal import SignalName
from schemas.touch import Audience
from tests.integration.scoring.desk import VP, Desk, enriched_lead, record, seen
from tests.support.changes import ASSIGNED, changed


async def subscriber(desk: Desk, account: str = "acme.example") -> UUID:
    event = enriched_lead(VP, account=account, kind=KindName.NEWSLETTER)
    (scored,) = await desk.take(event)
    assert scored.tier is TierName.NURTURE
    return scored.lead.lead_id


async def test_a_signal_raises_every_lead_of_its_account(desk: Desk) -> None:
    one, other = await subscriber(desk), await subscriber(desk)
    await subscriber(desk, "other.example")
    assert await desk.see(seen("funding", domain="WWW.Acme.example", detail="Series B")) == []
    told = await desk.settle()
    assert {event.lead.lead_id for event in told} == {one, other}
    assert {event.lane for event in told} == {Lane.BULK}
    (signal,) = told[0].signals
    assert (signal.detail, signal.points, signal.tell) == ("Series B", 25_00, ("owner", "manager"))
    assert sum(line.points for line in told[0].ledger) == told[0].score.total


async def test_a_repeat_counts_once_and_its_strength_scales_it(desk: Desk) -> None:
    lead = await subscriber(desk)
    for minutes in (1, 2):
        await desk.see(seen("funding", minutes, strength=0.5))
        await desk.settle()
    scores = await desk.scores(lead)
    assert [row["intent"] for row in scores] == [5_00, 17_50]


async def test_a_lead_that_comes_later_finds_the_signals_of_its_account(desk: Desk) -> None:
    await subscriber(desk)
    await desk.see(seen("executive_hire"))
    (scored,) = await desk.take(enriched_lead(VP, minutes=5, kind=KindName.NEWSLETTER))
    assert "signal_executive_hire" in {line.rule for line in scored.ledger}


async def test_several_sorts_at_once_rank_first(desk: Desk) -> None:
    lead = await subscriber(desk)
    await desk.see(seen("funding"), seen("funding", external_id="2"))
    await desk.settle()
    assert "signals_together" not in str((await desk.scores(lead))[-1]["ledger"])
    await desk.see(seen("traffic", 1))
    await desk.settle()
    assert "signals_together" in str((await desk.scores(lead))[-1]["ledger"])


async def test_one_outbound_lead_is_made_of_an_account_where_nobody_is_known(desk: Desk) -> None:
    made = [
        *await desk.see(seen("funding", company="Acme"), seen("funding", external_id="2")),
        *await desk.see(seen("review_site_intent")),
        *await desk.see(seen("job_openings", domain="other.example")),
    ]
    (lead,) = made
    assert (lead.motion, lead.lane, lead.kind) == (Motion.OUTBOUND, Lane.BULK, KindName.PROSPECT)
    assert (lead.lead.account_key, lead.lead.company) == ("acme.example", "Acme")
    assert lead.submission_id is not None


async def test_no_lead_is_made_where_somebody_is_known(desk: Desk) -> None:
    await subscriber(desk)
    assert await desk.see(seen("funding")) == []


async def test_a_signal_and_a_lead_at_the_same_moment_find_each_other(desk: Desk) -> None:
    for number in range(10):
        account = f"acme-{number}.example"
        event = enriched_lead(VP, account=account, kind=KindName.NEWSLETTER)
        both = (
            desk.take(event),
            desk.see(seen("job_openings", domain=account, external_id=account)),
        )
        await asyncio.gather(*(both if number % 2 else reversed(both)))
        await desk.settle()
        assert "signal_job_openings" in str((await desk.scores(event.lead.lead_id))[-1]["ledger"])


async def _owned(desk: Desk, lead: UUID, rep: str, **fields: Any) -> AssignmentChanged:
    assert ASSIGNED.rep is not None
    of = ASSIGNED.rep.model_copy(update={"id": rep})
    event = changed(account_key="acme.example", lead_id=lead, rep=of, **fields)
    await desk.assignments.handle([record(event)])
    return event


async def test_whoever_has_leads_of_the_account_is_told_once_and_so_is_their_manager(
    desk: Desk,
) -> None:
    one, other, third = [await subscriber(desk) for _ in range(3)]
    await _owned(desk, one, "ana")
    newest = await _owned(desk, other, "ana", decided_at=ASSIGNED.decided_at + timedelta(hours=1))
    before = await _owned(desk, third, "ben")
    await desk.assignments.handle([record(changed(AssignmentStatus.CLOSED, of=before))])
    for minutes in (1, 2):
        await desk.see(seen("funding", minutes, detail="Series B.", company="Acme"))
    assert [(told.rep_id, told.audience, told.assignment_id) for told in desk.touches] == [
        ("ana", Audience.REP, newest.assignment_id),
        ("ana", Audience.MANAGER, newest.assignment_id),
    ]
    assert desk.touches[0].note == "Funding at Acme: Series B (newsdesk)."
    assert desk.touches[0].signal is SignalName.FUNDING


async def test_nobody_is_told_of_what_nobody_is_to_hear(desk: Desk) -> None:
    await _owned(desk, await subscriber(desk), "ana")
    await desk.see(seen("traffic", 1), seen("funding", 2, domain="other.example"))
    assert desk.touches == []
