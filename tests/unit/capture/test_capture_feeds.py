"""What feeds say happened: read from each tool's own words, about whom, by whom."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.base import KindName
from services.capture import config
from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import (
    Delivered,
    HookRequest,
    Ignored,
    SourceView,
    Unparsable,
    Verdict,
)
from services.capture.adapters.feeds import Feed, moment
from services.capture.adapters.visitor_id import VisitorId
from services.runtime.configfile import ConfigError

SECRET = b"a secret"
BODY = b'{"a":1}'


def told(name: str, said: dict[str, Any], view: SourceView | None = None, **headers: str) -> Any:
    adapter = ADAPTERS[name]
    assert isinstance(adapter, Feed)
    kept = {n.replace("_", "-"): value for n, value in headers.items()}
    found = adapter.told(Delivered(json.dumps(said).encode(), kept), "key", view or SourceView())
    return found[0] if found else None


CALL = {"id": "1", "to": "+4930901820"}


@pytest.mark.parametrize(
    ("outcome", "activity"),
    [
        ("Connected", "call_connected"),
        ("NO-ANSWER", "call_attempted"),
        (" busy ", "call_attempted"),
    ],
)
def test_a_diallers_outcome(outcome: str, activity: str) -> None:
    found = told("dialler", {**CALL, "outcome": outcome})
    assert (found.activity, found.phone) == (activity, "+4930901820")
    assert found.external_id == f"1:{activity}"


def test_what_a_house_calls_otherwise() -> None:
    view = SourceView(
        activities={"picked up": "call_connected", "busy": "other"},
        reps={"42": "lena.vogt"},
        paths={"phone": "leg.callee", "rep": "leg.who"},
    )
    said = {"id": 1, "outcome": "Picked Up", "leg": {"callee": "+4930901820", "who": 42}, "to": "1"}
    found = told("dialler", said, view)
    assert (found.activity, found.phone, found.rep_id) == (
        "call_connected", "+4930901820", "lena.vogt",
    )  # fmt: skip
    assert told("dialler", {**CALL, "outcome": "busy"}, view).activity == "other"


def test_a_call_without_an_id_has_its_deliverys() -> None:
    assert told("dialler", {"outcome": "busy", "to": "+4930901820"}).external_id == "key"


def test_attempted_and_connected_under_one_id_are_two() -> None:
    both = [{**CALL, "outcome": outcome} for outcome in ("busy", "connected")]
    assert len({told("dialler", one).external_id for one in both}) == 2


def test_another_event_is_ignored_and_one_about_nobody_cannot_be_read() -> None:
    with pytest.raises(Ignored, match="'ringing'"):
        told("dialler", {**CALL, "outcome": "ringing"})
    with pytest.raises(Unparsable, match="whom it is about"):
        told("dialler", {"id": 1, "outcome": "busy"})
    with pytest.raises(Unparsable):
        ADAPTERS["dialler"].to_lead(Delivered(json.dumps({**CALL, "outcome": "busy"}).encode()),
                                    SourceView())  # fmt: skip


def test_machines_are_told_from_people() -> None:
    mail = {"data": {"id": 1, "attributes": {"toEmail": "d@n.example", "mailingType": "sequence"}},
            "meta": {"eventName": "mailing.delivered"}}  # fmt: skip
    assert told("outreach", mail).actor == "automation"
    mail["data"]["attributes"]["mailingType"] = "single"
    assert told("outreach", mail).actor == "human"


def test_salesloft_names_the_event_in_a_header() -> None:
    mail = {"id": 7, "recipient_email_address": "d@n.example", "status": "Replied"}
    found = told("salesloft", mail, x_salesloft_event="email_updated")
    assert (found.activity, found.email) == ("email_replied", "d@n.example")


@pytest.mark.parametrize(
    ("name", "header", "algorithm"),
    [
        ("outreach", "outreach-webhook-signature", "sha256"),
        ("salesloft", "x-salesloft-signature", "sha1"),
    ],
)
def test_signatures_are_the_vendors(name: str, header: str, algorithm: str) -> None:
    proof = hmac.new(SECRET, BODY, algorithm).hexdigest()
    request = HookRequest("POST", "", {}, {header: proof}, BODY)
    assert ADAPTERS[name].verify(request, [b"x", SECRET], 0) is Verdict.VERIFIED
    assert ADAPTERS[name].verify(request, [b"x"], 0) is Verdict.MISMATCH


@pytest.mark.parametrize("name", ["dialler", "salesforce_activities", "visitor_id"])
def test_a_secret_may_be_a_bearer(name: str) -> None:
    def shown(text: str) -> Verdict:
        request = HookRequest("POST", "", {}, {"authorization": text}, BODY)
        return ADAPTERS[name].verify(request, [SECRET], 0)

    assert shown("Bearer a secret") is Verdict.VERIFIED
    assert shown("bearer another") is Verdict.MISMATCH
    assert shown("Basic YSBzZWNyZXQ=") is Verdict.UNSIGNED


def test_times_as_tools_write_them() -> None:
    at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    for text in ("2026-11-23T09:00:00Z", "2026-11-23T10:00:00+01:00", "2026-11-23T09:00:00",
                 str(int(at.timestamp())), int(at.timestamp() * 1000)):  # fmt: skip
        assert moment(text) == at
    for nonsense in ("", None, "soon", "2024-01-01T12:34:56:00.00+00.00", "9" * 40,
                     "0001-01-01T00:00:00Z", "0001-01-01T00:00:00"):  # fmt: skip
        assert moment(nonsense) is None


# -- visitors --------------------------------------------------------------------------------------
PERSON = {
    "Business Email": "uma@coho.example", "First Name": "Uma", "Website": "https://coho.example/x",
    "Captured URL": "https://us.example/pricing", "Seen At": "2026-11-23T09:00:00Z",
}  # fmt: skip
MAY = SourceView(contact_basis="legitimate_interest")


def test_a_person_is_a_lead_only_with_a_basis_for_contact() -> None:
    item = Delivered(json.dumps(PERSON).encode())
    assert told("visitor_id", PERSON, MAY) is None
    form = VisitorId().to_lead(item, MAY)
    assert (form.email, form.first_name) == ("uma@coho.example", "Uma")
    assert form.consent[0].basis == "legitimate_interest"
    with pytest.raises(Ignored):
        VisitorId().to_lead(item, SourceView())
    visit = told("visitor_id", PERSON)
    assert (visit.signal, visit.domain) == ("traffic", "coho.example")
    assert "uma" not in visit.model_dump_json().lower()


@pytest.mark.parametrize(
    "website", ["coho.example", "https://www.coho.example/a?b", "COHO.EXAMPLE"]
)
def test_a_company_is_a_visit(website: str) -> None:
    visit = told("visitor_id", {"Website": website}, MAY)
    assert (visit.domain, visit.external_id) == ("coho.example", "key")


def test_a_mailbox_that_anybody_can_have_is_no_company() -> None:
    with pytest.raises(Ignored):
        told("visitor_id", {"Business Email": "uma@gmail.com"})


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("adapter: visitor_id\n    secret: V\n    kind: demo_request", "never hot alone"),
        ("adapter: dialler\n    secret: V\n    contact_basis: consent", "is for `visitor_id`"),
        ("adapter: tally\n    secret: V\n    feed: {}", "tells of leads alone"),
        ("adapter: dialler\n    secret: V\n    feed: {paths: {fone: x}}", "there is no field"),
        ("adapter: dialler\n    secret: V\n    feed: {activities: {x: y}}", "activities"),
        ("adapter: dialler\n    secret: V\n    mapping: {tel: phone}", "feed.paths"),
        ("adapter: tally\n    secret: V\n    events: [FORM_RESPONSE]", "is for segment"),
        ("adapter: segment\n    secret: V", "needs `events`"),
        ("adapter: tally\n    secret: V\n    verify_token: T", "is for `meta_lead_ads`"),
    ],
)
def test_the_configuration_is_checked(lines: str, fault: str) -> None:
    files = {
        "sources.yaml": f"sources:\n  one:\n    {lines}\n",
        "channels.yaml": "channels:\n  - channel: unknown\n",
    }
    with pytest.raises(ConfigError, match=fault):
        config.parse(files)
    assert KindName.DEMO_REQUEST in config.ASKS_FOR_A_TALK
