"""Outreach and Salesloft run touch plans: begun once, stopped at the plan's end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.responses import JSONResponse

from schemas.assignment import AssignmentChanged, Rep
from schemas.erasure import LeadErased
from schemas.touch import TouchDue, TouchReason
from services.delivery import trial
from services.delivery.brief import Brief, brief
from services.delivery.checking import findings
from services.delivery.config import DeliveryFile
from services.delivery.farewell import without_person
from services.delivery.logins import Grant, Refresh
from services.delivery.model import (
    Again,
    Delivered,
    Delivery,
    Disabled,
    Outcome,
    Refused,
    Skipped,
)
from services.delivery.planconfig import OutreachSink, SalesloftSink
from services.delivery.sinks.base import Message, Sink
from services.delivery.sinks.registry import Registry
from tests.contract.delivery.sequencers import Organisation, Team, listening
from tests.support.changes import changed

SECRETS = {"KEY": [b"ak_key"], "CLIENT": [b"client-secret"], "FIRST": [b"refresh-0"]}
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HERE = ("127.0.0.1/32",)
IDS = {"outreach": "31", "outreach_mailbox": "41", "salesloft": "51"}


class Remembered:
    """A login kept for the length of a test."""

    def __init__(self) -> None:
        self.grant: Grant | None = None

    async def access_token(self, given: str, refresh: Refresh, refused: str | None = None) -> str:
        if self.grant is None or self.grant.access_token == refused:
            self.grant = await refresh(given if self.grant is None else self.grant.refresh_token)
        return self.grant.access_token


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    made = Registry(SECRETS, lambda: NOW, Remembered())
    yield made
    await made.close()


@pytest.fixture
async def outreach() -> AsyncIterator[Organisation]:
    async with listening(Organisation()) as one:
        yield one


@pytest.fixture
async def salesloft() -> AsyncIterator[Team]:
    async with listening(Team()) as one:
        yield one


def outreach_sink(url: str, **more: Any) -> OutreachSink:
    values: dict[str, Any] = {
        "type": "outreach", "base_url": url, "client_id": "app", "client_secret": "CLIENT",
        "token": "FIRST", "redirect_uri": "https://me.example/oauth", "sequences": {"outbound": 7},
        "allow_networks": HERE, "timeout_ms": 2000, **more,
    }  # fmt: skip
    return OutreachSink.model_validate(values)


def salesloft_sink(url: str, **more: Any) -> SalesloftSink:
    values: dict[str, Any] = {
        "type": "salesloft", "base_url": url, "token": "KEY", "sequences": {"outbound": 7},
        "allow_networks": HERE, "timeout_ms": 2000, **more,
    }  # fmt: skip
    return SalesloftSink.model_validate(values)


def lead(**block: Any) -> AssignmentChanged:
    event = changed(lead=block)
    assert event.rep is not None
    rep = event.rep.model_copy(update={"external_ids": IDS})
    return event.model_copy(update={"rep": rep})


def message(
    event: AssignmentChanged, step: int = 1, ended: str | None = None, place: str | None = None
) -> Message:
    touch = TouchDue(
        assignment_id=event.assignment_id,
        lead_id=event.lead_id,
        account_key=event.account_key,
        rep_id="ana",
        due_at=NOW,
        reason=TouchReason.CADENCE,
        step=step,
        plan="outbound",
        ended=ended,
    )
    told = brief(event, colleagues=(), now=NOW, touch=touch)
    return Message(Delivery(event.lead_id, "x", event, 1, NOW, touch), told, (), None, place)


def place_of(outcome: Outcome) -> str:
    assert isinstance(outcome, Delivered), outcome
    assert outcome.place is not None
    return outcome.place


# -- Outreach -----------------------------------------------------------------------------------
async def test_outreach_gets_the_prospect_and_its_sequence_once(
    registry: Registry, outreach: Organisation
) -> None:
    sink = registry.build(outreach_sink(outreach.url))
    event = lead(email="dana@acme.example", first_name="Dana")
    first = await sink.send(message(event))
    again = await sink.send(message(event))
    later = await sink.send(message(event, step=2))
    [prospect] = outreach.prospects.values()
    assert prospect["attributes"]["emails"] == ["dana@acme.example"]
    assert prospect["relationships"]["owner"]["data"] == {"type": "user", "id": 31}
    [(number, state)] = outreach.states.items()
    assert state["relationships"]["mailbox"]["data"] == {"type": "mailbox", "id": 41}
    assert {place_of(one) for one in (first, again, later)} == {str(number)}


async def test_outreach_finishes_the_state_when_the_plan_is_over_and_begins_anew_for_a_new_one(
    registry: Registry, outreach: Organisation
) -> None:
    sink = registry.build(outreach_sink(outreach.url))
    event = lead()
    place = place_of(await sink.send(message(event)))
    over = message(event, 2, "the person replied", place)
    assert await sink.send(over) == Delivered()
    assert outreach.states[int(place)]["attributes"]["state"] == "finished"
    assert await sink.send(over) == Delivered(reason="gone")
    # A rep who finished it there is not overruled by the plan's next touch; a new plan begins anew.
    assert place_of(await sink.send(message(event, step=3))) == place
    assert place_of(await sink.send(message(event, step=1))) != place


async def test_outreach_logs_in_with_the_token_that_the_last_login_gave(
    registry: Registry, outreach: Organisation
) -> None:
    sink = registry.build(outreach_sink(outreach.url))
    assert isinstance(await sink.send(message(lead())), Delivered)
    outreach.refreshes += 1  # as if the access token had been revoked
    assert isinstance(await sink.send(message(lead())), Disabled)
    outreach.refreshes -= 1
    assert isinstance(await sink.send(message(lead())), Delivered)


# -- Salesloft ----------------------------------------------------------------------------------
async def test_salesloft_gets_the_person_and_the_cadence_once(
    registry: Registry, salesloft: Team
) -> None:
    sink = registry.build(salesloft_sink(salesloft.url))
    event = lead(email="dana@acme.example", first_name="Dana")
    outcomes = [await sink.send(message(event, step)) for step in (1, 1, 2)]
    assert salesloft.people["dana@acme.example"]["owner_id"] == "51"
    [(number, membership)] = salesloft.memberships.items()
    assert membership["user"] == 51
    assert {place_of(one) for one in outcomes} == {str(number)}


async def test_salesloft_takes_the_person_off_when_the_plan_is_over(
    registry: Registry, salesloft: Team
) -> None:
    sink = registry.build(salesloft_sink(salesloft.url))
    event = lead()
    place = place_of(await sink.send(message(event)))
    over = message(event, 2, "a meeting is booked", place)
    assert await sink.send(over) == Delivered()
    assert not salesloft.memberships[int(place)]["on"]
    assert await sink.send(over) == Delivered(reason="gone")
    assert place_of(await sink.send(message(event, step=3))) == place
    assert place_of(await sink.send(message(event, step=1))) != place


async def test_salesloft_s_do_not_contact_is_a_dead_letter(
    registry: Registry, salesloft: Team
) -> None:
    salesloft.do_not_contact = {"dana@acme.example"}
    sink = registry.build(salesloft_sink(salesloft.url))
    assert await sink.send(message(lead(email="dana@acme.example"))) == Refused("status_422")


# -- both ---------------------------------------------------------------------------------------
@pytest.fixture(params=["outreach", "salesloft"])
def either(
    request: pytest.FixtureRequest, registry: Registry, outreach: Organisation, salesloft: Team
) -> tuple[Sink, Organisation | Team]:
    if request.param == "outreach":
        return registry.build(outreach_sink(outreach.url)), outreach
    return registry.build(salesloft_sink(salesloft.url)), salesloft


@pytest.mark.parametrize(
    ("fails", "outcome"),
    [
        (JSONResponse({}, 429, {"retry-after": "9"}), Again("status_429", 9.0)),
        (JSONResponse({}, 503), Again("status_503")),
        (JSONResponse({}, 403), Refused("status_403")),
        (JSONResponse({"data": [{}]}, 200), Again("unreadable")),
    ],
)
async def test_how_a_vendor_fails_decides_what_follows(
    either: tuple[Sink, Organisation | Team], fails: JSONResponse, outcome: Outcome
) -> None:
    sink, vendor = either
    vendor.fails = [fails]
    assert await sink.send(message(lead())) == outcome


async def test_nothing_is_asked_of_the_vendor_for_what_cannot_be_begun(
    either: tuple[Sink, Organisation | Team],
) -> None:
    sink, vendor = either
    assert await sink.send(message(lead(email=None, phone="+491700000000"))) == Skipped("no_email")
    nobody = lead()
    assert nobody.rep is not None
    nobody = nobody.model_copy(update={"rep": nobody.rep.model_copy(update={"external_ids": {}})})
    assert isinstance(await sink.send(message(nobody)), Refused)
    assert await sink.send(message(lead(), 2, "closed")) == Delivered(reason="not_begun")
    assert vendor.calls == []


async def test_a_plan_of_somebody_who_is_forgotten_stops_without_a_word_about_them(
    either: tuple[Sink, Organisation | Team],
) -> None:
    sink, vendor = either
    event = lead(email="dana@acme.example")
    place = place_of(await sink.send(message(event)))
    erased = LeadErased(lead_id=event.lead_id, erased_at=NOW)
    nobody = without_person(event, erased)
    last = Delivery(event.lead_id, "x", nobody, 1, NOW, farewell=True, place=place)
    farewell = Message(last, Brief("Erased", ()), (), None, place)
    assert await sink.send(farewell) == Delivered()
    if isinstance(vendor, Organisation):
        assert vendor.states[int(place)]["attributes"]["state"] == "finished"
    else:
        assert not vendor.memberships[int(place)]["on"]
    assert await sink.send(farewell) == Delivered(reason="gone")


async def test_deliver_test_finds_a_sequence_that_is_not_there(
    outreach: Organisation, salesloft: Team
) -> None:
    rep = Rep(id="test", name="Test", email="", external_ids={})
    for sink in (outreach_sink(outreach.url), salesloft_sink(salesloft.url)):
        config = DeliveryFile(sinks={"plans": sink})
        assert (await trial.send(config, "plans", SECRETS, rep, Remembered()))[0] == "delivered"
        outreach.refreshes = 0
        wrong = sink.model_copy(update={"sequences": {"outbound": 8}})
        said = await trial.send(
            DeliveryFile(sinks={"plans": wrong}), "plans", SECRETS, rep, Remembered()
        )
        assert said == ("refused", "no sequence 8 for outbound")


def test_a_sink_that_runs_no_plan_is_a_fault() -> None:
    with pytest.raises(ValueError, match="sequences"):
        salesloft_sink("https://x.example", sequences={})


def test_a_plan_that_response_does_not_have_is_found() -> None:
    sink = salesloft_sink("https://x.example", sequences={"outbound": 7, "inbound": 8})
    [found] = findings(DeliveryFile(sinks={"plans": sink}), ["outbound", "inbound-warm"], [])
    assert found.path == ("sinks", "plans", "sequences", "inbound")
    assert "inbound-warm" in found.message
