"""Owners are written by compare-and-set; a person's choice in the CRM is never overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st

from schemas.assignment import AssignmentChanged, AssignmentStatus
from services.delivery.brief import brief
from services.delivery.config import HubSpotSink, SalesforceSink
from services.delivery.model import (
    Again,
    Delivered,
    Delivery,
    Disabled,
    Outcome,
    Owned,
    Refused,
)
from services.delivery.ownership import Verdict, judge
from services.delivery.sinks.base import Message, Sink
from services.delivery.sinks.registry import Registry
from tests.support.changes import changed
from tests.support.crms import Org, Portal

SECRETS = {"HUBSPOT": [b"pat-token"], "SALESFORCE": [b"client-secret"], "WRONG": [b"wrong"]}
HERE = ("127.0.0.1/32",)


def now() -> datetime:
    return datetime(2026, 11, 23, 9).astimezone()


def message(event: AssignmentChanged, written: str | None = None) -> Message:
    told = brief(event, colleagues=(), now=now())
    return Message(Delivery(event.lead_id, "crm", event, 1, now()), told, (), None, written)


def owned_by(owner: str, status: AssignmentStatus = AssignmentStatus.ASSIGNED, **lead: Any) -> Any:
    event = changed(status, lead=lead)
    assert event.rep is not None
    ids = {"hubspot": owner, "salesforce": owner}
    return event.model_copy(update={"rep": event.rep.model_copy(update={"external_ids": ids})})


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    made = Registry(SECRETS, now)
    yield made
    await made.close()


def hubspot(registry: Registry, portal: Portal, **more: Any) -> Sink:
    values: dict[str, Any] = {"token": "HUBSPOT", "base_url": portal.url, **more}
    return registry.build(HubSpotSink(type="hubspot", allow_networks=HERE, **values))


def salesforce(registry: Registry, org: Org, **more: Any) -> Sink:
    values: dict[str, Any] = {"client_secret": "SALESFORCE", **more}
    config = SalesforceSink(
        type="salesforce", instance_url=org.url, client_id="app", allow_networks=HERE, **values
    )
    return registry.build(config)


# -- HubSpot ----------------------------------------------------------------------------------
async def test_hubspot_a_new_contact_is_made_with_its_owner(
    registry: Registry, portal: Portal
) -> None:
    sink = hubspot(registry, portal, properties={"lead_tier": "tier"})
    outcome = await sink.send(message(owned_by("711", email="dana@acme.example")))
    assert outcome == Delivered(ref="101", place="711")
    contact = portal.contacts["dana@acme.example"]
    assert contact["hubspot_owner_id"] == "711"
    assert contact["lead_tier"] == "hot"


@pytest.mark.parametrize(
    ("there", "written", "expected", "owner_after"),
    [
        (None, None, Delivered(ref="101", place="711"), "711"),
        ("600", "600", Delivered(ref="101", place="711"), "711"),
        ("711", None, Delivered("101", "711", "already"), "711"),
        ("900", None, Owned("900", "hubspot"), "900"),
        ("900", "600", Owned("900", "hubspot"), "900"),
    ],
    ids=["nobody's", "ours before", "an echo", "a person's", "a person's after ours"],
)
async def test_hubspot_compare_and_set(
    registry: Registry,
    portal: Portal,
    there: str | None,
    written: str | None,
    expected: Outcome,
    owner_after: str,
) -> None:
    portal.contacts["dana@acme.example"] = {"hubspot_owner_id": there} if there else {}
    event = owned_by("711", email="dana@acme.example")
    assert await hubspot(registry, portal).send(message(event, written)) == expected
    assert portal.contacts["dana@acme.example"]["hubspot_owner_id"] == owner_after


async def test_hubspot_what_stands_there_of_a_person_is_not_overwritten_by_a_form(
    registry: Registry, portal: Portal
) -> None:
    # Anybody can fill in a form with somebody else's address.
    stands = {"firstname": "Dana", "phone": "+493012345678", "jobtitle": ""}
    portal.contacts["dana@acme.example"] = dict(stands)
    said = {"first_name": "Mallory", "phone": "+15550100", "job_title": "CEO", "company": "Acme"}
    event = owned_by("711", email="dana@acme.example", **said)
    sink = hubspot(registry, portal, properties={"lead_tier": "tier"})
    assert isinstance(await sink.send(message(event)), Delivered)
    contact = portal.contacts["dana@acme.example"]
    assert (contact["firstname"], contact["phone"]) == ("Dana", "+493012345678")
    assert (contact["jobtitle"], contact["company"]) == ("CEO", "Acme")
    assert (contact["hubspot_owner_id"], contact["lead_tier"]) == ("711", "hot")


async def test_hubspot_many_go_together_and_one_that_is_refused_costs_itself_only(
    registry: Registry, portal: Portal
) -> None:
    sink = hubspot(registry, portal)
    emails = [f"p{n}@acme.example" for n in range(230)]
    portal.refuses = {emails[7]}
    events = [owned_by("711", email=email) for email in emails]
    outcomes = await asyncio.gather(*(sink.send(message(event)) for event in events))
    assert outcomes[7] == Refused("validation_error")
    assert all(isinstance(o, Delivered) for n, o in enumerate(outcomes) if n != 7)
    assert len(portal.calls) <= 10, "two calls for a hundred"
    assert max(portal.sizes) == 100


async def test_hubspot_one_that_costs_the_whole_batch_is_found_by_halving(
    registry: Registry, portal: Portal
) -> None:
    sink = hubspot(registry, portal)
    emails = [f"p{n}@acme.example" for n in range(40)]
    portal.refuses, portal.whole = {emails[7], emails[31]}, True
    events = [owned_by("711", email=email) for email in emails]
    outcomes = await asyncio.gather(*(sink.send(message(event)) for event in events))
    refused = {n for n, one in enumerate(outcomes) if one == Refused("status_400")}
    assert refused == {7, 31}
    assert sum(isinstance(one, Delivered) for one in outcomes) == 38


async def test_hubspot_nurtured_leads_go_onto_the_list(registry: Registry, portal: Portal) -> None:
    sink = hubspot(registry, portal, nurture_list="42")
    nurtured = AssignmentStatus.NURTURED
    assert isinstance(
        await sink.send(message(owned_by("711", nurtured, email="dana@acme.example"))), Delivered
    )
    assert portal.lists == {"42": {"101"}}
    assert "hubspot_owner_id" not in portal.contacts["dana@acme.example"]


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        (JSONResponse({}, 429, {"retry-after": "3"}), Again("status_429", 3.0)),
        (JSONResponse({}, 502), Again("status_502")),
        (JSONResponse({}, 400), Refused("status_400")),
    ],
    ids=["429", "502", "400"],
)
async def test_hubspot_failures(
    registry: Registry, portal: Portal, fails: Any, expected: Outcome
) -> None:
    portal.fails = [fails]
    event = owned_by("711", email="dana@acme.example")
    assert await hubspot(registry, portal).send(message(event)) == expected


async def test_a_wrong_key_takes_the_sink_out_of_order(
    registry: Registry, portal: Portal, org: Org
) -> None:
    event = message(owned_by("711", email="dana@acme.example"))
    assert await hubspot(registry, portal, token="WRONG").send(event) == Disabled("token_refused")
    sink = salesforce(registry, org, client_secret="WRONG")
    assert await sink.send(event) == Disabled("login_refused")


# -- Salesforce -------------------------------------------------------------------------------
async def test_salesforce_a_new_lead_is_made_with_what_it_insists_on(
    registry: Registry, org: Org
) -> None:
    names = dict.fromkeys(("first_name", "last_name", "company"))
    event = owned_by("005A", email="o'neil@acme.example", **names)
    outcome = await salesforce(registry, org).send(message(event))
    [lead] = org.leads.values()
    assert outcome == Delivered(ref=lead["Id"], place="005A")
    assert (lead["LastName"], lead["Company"]) == ("o'neil@acme.example", "[unknown]")


@pytest.mark.parametrize(
    ("there", "written", "kind", "owner_after"),
    [
        ("005B", "005B", Delivered, "005A"),
        ("005A", None, Delivered, "005A"),
        ("005Z", None, Owned, "005Z"),
    ],
    ids=["ours before", "an echo", "a person's"],
)
async def test_salesforce_compare_and_set(
    registry: Registry, org: Org, there: str, written: str | None, kind: type, owner_after: str
) -> None:
    id_ = org.put("o'neil@acme.example", there)
    event = owned_by("005A", email="o'neil@acme.example")
    outcome = await salesforce(registry, org).send(message(event, written))
    assert isinstance(outcome, kind)
    assert org.leads[id_]["OwnerId"] == owner_after


async def test_salesforce_a_change_between_reading_and_writing_wins(
    registry: Registry, org: Org
) -> None:
    id_ = org.put("dana@acme.example", "005B")
    org.changes_between = [{"OwnerId": "005Z"}]
    sink, event = salesforce(registry, org), owned_by("005A", email="dana@acme.example")
    assert await sink.send(message(event, "005B")) == Again("changed_meanwhile", 1.0)
    assert await sink.send(message(event, "005B")) == Owned("005Z", "salesforce")
    assert org.leads[id_]["OwnerId"] == "005Z"


async def test_salesforce_many_go_together_and_each_has_its_own_end(
    registry: Registry, org: Org
) -> None:
    known = [f"o'neil{n}@acme.example" for n in range(60)]
    new = [f"new{n}@acme.example" for n in range(170)]
    for email in known:
        org.put(email, "005B")
    org.invalid = {known[7], new[3]}
    sink = salesforce(registry, org)
    events = [owned_by("005A", email=email) for email in known + new]
    outcomes = await asyncio.gather(*(sink.send(message(event, "005B")) for event in events))
    by_email = dict(zip(known + new, outcomes, strict=True))
    for email in org.invalid:
        assert by_email.pop(email) == Refused("field_custom_validation_exception")
    assert all(isinstance(one, Delivered) and one.ref for one in by_email.values())
    owners = {lead["OwnerId"] for lead in org.leads.values() if lead["Email"] not in org.invalid}
    assert owners == {"005A"}
    assert len(org.calls) <= 10, "one log-in, two batches: a query, writes by 25, one creation"


async def test_salesforce_a_batch_that_is_refused_comes_again_whole(
    registry: Registry, org: Org
) -> None:
    sink = salesforce(registry, org)
    await sink.send(message(owned_by("005A", email="first@acme.example")))
    org.fails = [JSONResponse([{"errorCode": "SERVER_UNAVAILABLE"}], 503)]
    events = [owned_by("005A", email=f"p{n}@acme.example") for n in range(30)]
    outcomes = await asyncio.gather(*(sink.send(message(event)) for event in events))
    assert {type(one) for one in outcomes} <= {Again, Delivered}
    assert any(one == Again("server_unavailable") for one in outcomes)


async def test_salesforce_an_ended_session_is_opened_again(registry: Registry, org: Org) -> None:
    sink = salesforce(registry, org)
    for person in ("a", "b"):
        event = owned_by("005A", email=f"{person}@acme.example")
        assert isinstance(await sink.send(message(event)), Delivered)
        org.sessions = set()
    assert org.logins == 2


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        (
            JSONResponse([{"errorCode": "REQUEST_LIMIT_EXCEEDED"}], 403),
            Again("request_limit_exceeded"),
        ),
        (JSONResponse([{"errorCode": "MALFORMED_QUERY"}], 400), Refused("malformed_query")),
        (JSONResponse([], 503), Again("status_503")),
    ],
    ids=["limit", "malformed", "503"],
)
async def test_salesforce_failures(
    registry: Registry, org: Org, fails: Any, expected: Outcome
) -> None:
    org.fails = [fails]
    event = owned_by("005A", email="dana@acme.example")
    assert await salesforce(registry, org).send(message(event)) == expected


@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
async def test_a_rep_whom_the_crm_does_not_know_is_said(
    registry: Registry, portal: Portal, org: Org, kind: str
) -> None:
    sink = hubspot(registry, portal) if kind == "hubspot" else salesforce(registry, org)
    event = owned_by("711", email="dana@acme.example")
    unknown = event.model_copy(update={"rep": event.rep.model_copy(update={"external_ids": {}})})
    assert await sink.send(message(unknown)) == Refused(f"no_{kind}_id")


async def test_an_answer_that_is_longer_than_most_is_read_to_its_end(
    registry: Registry, portal: Portal
) -> None:
    """Half an answer would say that nobody owns the contacts of the other half."""
    emails = [f"p{n}@acme.example" for n in range(100)]
    for email in emails:
        portal.contacts[email] = {"hubspot_owner_id": "900", "filler": "x" * 2_000}
    sink = hubspot(registry, portal)
    events = [owned_by("711", email=email) for email in emails]
    outcomes = await asyncio.gather(*(sink.send(message(event)) for event in events))
    assert set(outcomes) == {Owned("900", "hubspot")}


IDS = st.sampled_from(["a", "b", "c"])


@given(there=st.one_of(st.none(), IDS), wanted=IDS, written=st.one_of(st.none(), IDS))
def test_only_nobodys_and_our_own_owner_are_changed(
    there: str | None, wanted: str, written: str | None
) -> None:
    verdict = judge(there, wanted, written)
    assert (verdict is Verdict.WRITE) == (there != wanted and there in (None, written))
    assert (verdict is Verdict.ALREADY) == (there == wanted)
