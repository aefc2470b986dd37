"""What every sink promises, against its stand-in, and against the vendor where there are keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from schemas.assignment import AssignmentChanged, AssignmentStatus, Rep
from services.delivery.brief import brief
from services.delivery.crm.model import Changed, Owner, Stream
from services.delivery.model import Delivered, Delivery, Disabled, Owned, Refused
from services.delivery.sinks.base import Actions, Message, Sink
from tests.contract.delivery import sides
from tests.contract.delivery.sides import Records, Side, closing, reader_of, sink_of
from tests.support.changes import changed
from tests.support.mailserver import NOBODY
from tests.support.waiting import eventually

CRMS = [
    *sides.sides(sides.hubspot_stand_in, sides.hubspot_vendor, "HUBSPOT_TOKEN", "HUBSPOT_OWNERS"),
    *sides.sides(
        sides.salesforce_stand_in, sides.salesforce_vendor, "SALESFORCE_URL",
        "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET", "SALESFORCE_OWNERS",
    ),
]  # fmt: skip
SLACKS = sides.sides(sides.slack_stand_in, sides.slack_vendor, "SLACK_TOKEN", "SLACK_CHANNEL")
SMTPS = sides.sides(
    sides.smtp_stand_in, sides.smtp_vendor, "SMTP_HOST", "SMTP_USER", "SMTP_PASSWORD",
    "SMTP_SENDER", "SMTP_TO",
)  # fmt: skip


@pytest.fixture
async def records(side: Side) -> Records:
    assert side.records is not None
    return side.records


@pytest.fixture
async def email(records: Records) -> AsyncIterator[str]:
    """Of somebody whom nobody knows; forgotten afterwards."""
    address = f"handraise-{uuid4().hex[:12]}@example.com"
    yield address
    await records.forget(address)


def owned(email: str, owner: str) -> AssignmentChanged:
    event = changed(lead={"email": email, "company": "Handraise test"})
    assert event.rep is not None
    ids = {"hubspot": owner, "salesforce": owner}
    return event.model_copy(update={"rep": event.rep.model_copy(update={"external_ids": ids})})


def message(event: AssignmentChanged, place: str | None = None) -> Message:
    now = datetime.now(UTC)
    told = brief(event, colleagues=(), now=now)
    actions = Actions("token", "https://handraise.example/v1/act/token")
    links = (("Open in CRM", "https://crm.example/1"),)
    return Message(Delivery(uuid4(), "it", event, 1, now), told, links, actions, place)


# -- CRMs -------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", CRMS, indirect=True)
async def test_an_owner_is_set_kept_and_given_on(sink: Sink, records: Records, email: str) -> None:
    first, second = records.owners
    made = await sink.send(message(owned(email, first)))
    assert isinstance(made, Delivered)
    assert made.ref
    assert made.place == first
    assert await records.owner_of(email) == first
    await _found(sink, email, first, made.ref)
    moved = await sink.send(message(owned(email, second), first))
    assert moved == Delivered(ref=made.ref, place=second)
    assert await records.owner_of(email) == second


@pytest.mark.parametrize("side", CRMS, indirect=True)
async def test_a_person_s_choice_stays(sink: Sink, records: Records, email: str) -> None:
    first, second = records.owners
    made = await sink.send(message(owned(email, first)))
    assert isinstance(made, Delivered)
    await _found(sink, email, first, str(made.ref))
    await records.give(email, second)
    outcome = await sink.send(message(owned(email, first), first))
    assert isinstance(outcome, Owned)
    assert outcome.owner_id == second
    assert await records.owner_of(email) == second


@pytest.mark.parametrize("side", CRMS, indirect=True)
async def test_one_that_is_refused_costs_itself_only(
    sink: Sink, records: Records, email: str
) -> None:
    good = await sink.send(message(owned(email, records.owners[0])))  # a call is under way next
    assert isinstance(good, Delivered)
    others = [f"{email[:-12]}-{n}@example.com" for n in range(3)]
    try:
        asked = [*others, "not-an-address"]
        outcomes = await asyncio.gather(
            *(sink.send(message(owned(one, records.owners[0]))) for one in asked)
        )
        assert [type(one) for one in outcomes] == [Delivered, Delivered, Delivered, Refused]
    finally:
        for one in others:
            await records.forget(one)


@pytest.mark.parametrize("side", CRMS, indirect=True)
async def test_owners_and_what_people_changed_are_read(
    side: Side, sink: Sink, records: Records, email: str
) -> None:
    first, second = records.owners
    began = datetime.now(UTC) - timedelta(minutes=2)
    made = await sink.send(message(owned(email, first)))
    assert isinstance(made, Delivered)
    await records.give(email, second)
    async with closing(side.registry()) as registry:
        reader = reader_of(side, registry)

        async def read(stream: Stream, since: datetime | None) -> list[Any]:
            found: list[Any] = []
            page = None
            for _ in range(100):
                part = await reader.page(stream, since, page)
                found += part.items
                page = part.next
                if page is None:
                    break
            return found

        owners = {one.owner_id for one in await read(Stream.OWNERS, None) if isinstance(one, Owner)}
        assert {first, second} <= owners

        async def seen() -> Changed | None:
            every = await read(Stream.CHANGES, began)
            return next((one for one in every if one.record == made.ref), None)

        change = await eventually(seen, 120, pause=1.0)
        [confirmed] = await reader.confirmed([change])
        assert (confirmed.record, confirmed.owner_id) == (made.ref, second)


@pytest.mark.parametrize("side", [*CRMS, *SLACKS, *SMTPS], indirect=True)
async def test_a_wrong_key_takes_the_sink_out_of_order(side: Side) -> None:
    async with closing(side.wrong()) as registry:
        event = owned("handraise-nobody@example.com", "1")
        outcome = await sink_of(side, registry).send(message(event))
    assert isinstance(outcome, Disabled)


async def _found(sink: Sink, email: str, owner: str, record: str) -> None:
    """What was just made is found, as an echo; a vendor's index may take its time."""

    async def is_found() -> bool:
        outcome = await sink.send(message(owned(email, owner)))
        return outcome == Delivered(ref=record, place=owner, reason="already")

    await eventually(is_found, 60, pause=0.5)


# -- Slack ------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", SLACKS, indirect=True)
async def test_a_message_is_posted_and_changes_when_the_attempt_is_over(sink: Sink) -> None:
    event = changed(lead={"message": "<!channel> " + "long " * 500})
    posted = await sink.send(message(event))
    assert isinstance(posted, Delivered)
    assert posted.place is not None
    over = changed(AssignmentStatus.REJECTED, of=event, reason="This was a test of the sink.")
    updated = await sink.send(message(over, posted.place))
    assert isinstance(updated, Delivered)
    assert updated.ref == posted.ref


@pytest.mark.parametrize("side", SLACKS, indirect=True)
async def test_a_channel_that_is_not_there_is_refused(side: Side) -> None:
    config = side.config.model_copy(update={"channel": "C0NOSUCH00"})
    async with closing(side.registry()) as registry:
        outcome = await registry.build(config).send(message(changed()))
    assert outcome == Refused("channel_not_found")


# -- mail -------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", SMTPS, indirect=True)
async def test_a_mail_is_taken(sink: Sink) -> None:
    values = sides.given("SMTP_TO") or {"SMTP_TO": "mara@handraise.example"}
    rep = Rep(id="mara", name="Mara", email=values["SMTP_TO"])
    outcome = await sink.send(message(changed(rep=rep)))
    assert isinstance(outcome, Delivered)
    assert outcome.ref


@pytest.mark.parametrize("side", SMTPS[:1], indirect=True)
async def test_a_mailbox_that_is_not_there_is_refused(sink: Sink) -> None:
    """Of servers that only pass mail on nobody learns it so."""
    rep = Rep(id="nobody", name="Nobody", email=NOBODY)
    assert await sink.send(message(changed(rep=rep))) == Refused("recipient_550")
