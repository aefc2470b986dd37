"""What sales tools and webhooks promise, against stand-ins, and against the other side where the
environment names one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from schemas.assignment import AssignmentChanged
from schemas.touch import TouchDue, TouchReason
from services.delivery.brief import brief
from services.delivery.model import Delivered, Delivery, Disabled, Refused
from services.delivery.sinks.base import Message, Sink
from tests.contract.delivery import plansides, sides
from tests.contract.delivery.plansides import PLAN, rep_ids
from tests.contract.delivery.sides import Side, closing, sink_of
from tests.support.changes import changed
from tests.support.waiting import eventually

PLANS = [
    *sides.sides(plansides.outreach_stand_in, plansides.outreach_vendor, *plansides.OUTREACH),
    *sides.sides(plansides.salesloft_stand_in, plansides.salesloft_vendor, *plansides.SALESLOFT),
]
HOOKS = sides.sides(plansides.webhook_stand_in, plansides.webhook_vendor, *plansides.WEBHOOK)


def lead() -> AssignmentChanged:
    """Somebody whom nobody knows there, of a rep who is known."""
    address = f"handraise-{uuid4().hex[:12]}@example.com"
    event = changed(lead={"email": address, "company": "Handraise test"})
    assert event.rep is not None
    rep = event.rep.model_copy(update={"external_ids": rep_ids()})
    return event.model_copy(update={"rep": rep})


def message(
    event: AssignmentChanged, *, plan: bool = False, ended: str | None = None,
    place: str | None = None,
) -> Message:  # fmt: skip
    now = datetime.now(UTC)
    touch = None
    if plan:
        touch = TouchDue(
            assignment_id=event.assignment_id, lead_id=event.lead_id,
            account_key=event.account_key, rep_id="ana", due_at=now,
            reason=TouchReason.CADENCE, step=1, plan=PLAN, ended=ended,
        )  # fmt: skip
    told = brief(event, colleagues=(), now=now, touch=touch)
    return Message(Delivery(uuid4(), "it", event, 1, now, touch), told, (), None, place)


@pytest.mark.parametrize("side", PLANS, indirect=True)
async def test_a_lead_begins_its_plan_once_and_leaves_it_once(sink: Sink) -> None:
    event = lead()
    begun = await sink.send(message(event, plan=True))
    assert isinstance(begun, Delivered), begun
    assert begun.place

    async def is_known() -> bool:
        again = await sink.send(message(event, plan=True))
        return again == Delivered(ref=begun.ref, place=begun.place, reason="already")

    await eventually(is_known, 60, pause=0.5)
    ended = message(event, plan=True, ended="the person replied", place=begun.place)
    assert isinstance(await sink.send(ended), Delivered)
    assert await sink.send(ended) == Delivered(reason="gone")


@pytest.mark.parametrize("side", PLANS, indirect=True)
async def test_every_sequence_that_is_named_is_looked_for(side: Side, sink: Sink) -> None:
    assert await sink.send(message(lead())) == Delivered()
    missing = side.config.model_copy(update={"sequences": {PLAN: 999_999_999}})
    async with closing(side.registry()) as registry:
        outcome = await registry.build(missing).send(message(lead()))
    assert isinstance(outcome, Refused)


@pytest.mark.parametrize("side", PLANS, indirect=True)
async def test_a_wrong_key_takes_the_tool_out_of_order(side: Side) -> None:
    async with closing(side.wrong()) as registry:
        outcome = await sink_of(side, registry).send(message(lead(), plan=True))
    assert isinstance(outcome, Disabled)


@pytest.mark.parametrize("side", HOOKS, indirect=True)
async def test_what_is_signed_is_taken_and_what_another_signed_is_not(
    side: Side, sink: Sink
) -> None:
    event = changed(lead={"message": "Grüße: <b>Ünïcode</b> and\nlines"})
    assert await sink.send(message(event)) == Delivered()
    async with closing(side.wrong()) as registry:
        assert not isinstance(await sink_of(side, registry).send(message(event)), Delivered)
