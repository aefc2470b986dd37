"""HubSpot's proof, and what a contact of a workflow says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from services.capture.adapters import hubspot
from services.capture.adapters.base import Delivered, HookRequest, SourceView, Unparsable, Verdict
from services.capture.adapters.hubspot_workflow import HubspotWorkflow
from services.capture.leadform import LeadForm

SECRET = b"lead-router-test-secret"
BODY = '{"email":"dana@northwind.example","n":1,"name":"Zoë"}'.encode()
URL = "https://hooks.example.test/v1/capture/hubspot?tenant=acme"
NOW = 1_700_000_000.0
VECTOR = HookRequest(
    "POST",
    URL,
    {"tenant": "acme"},
    {
        "x-hubspot-signature-v3": "ydIPqYwo0oRwo15F9Flhid+rBsyfJ+J3IQ5AJEf/7yM=",
        "x-hubspot-request-timestamp": "1700000000000",
    },
    BODY,
)


def test_computed_vector() -> None:
    assert hubspot.verify(VECTOR, [SECRET], NOW) is Verdict.VERIFIED


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"url": URL + "&x=1"},
        {"url": URL.replace("https", "http")},
        {"body": BODY + b" "},
        {"headers": {**VECTOR.headers, "x-hubspot-request-timestamp": "1700000000001"}},
    ],
)
def test_all_of_the_request_is_signed(changed: dict[str, Any]) -> None:
    assert hubspot.verify(replace(VECTOR, **changed), [SECRET], NOW) is Verdict.MISMATCH


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, "verified"), (300, "verified"), (-300, "verified"), (300.5, "stale"), (-301, "stale")],
)
def test_a_request_proves_itself_for_five_minutes(seconds: float, verdict: str) -> None:
    assert hubspot.verify(VECTOR, [SECRET], NOW + seconds) == verdict


def test_a_timestamp_in_seconds_is_long_over() -> None:
    plain = HookRequest("POST", URL, {}, {}, BODY)
    signed = hubspot.sign(plain, SECRET, NOW / 1000)
    assert hubspot.verify(signed, [SECRET], NOW) is Verdict.STALE


@pytest.mark.parametrize("url", [URL + "&at=10%3A30%2Fx%40y", URL + "&q=100%25&n=%C3%BC"])
def test_the_uri_counts_as_called_and_decoded(url: str) -> None:
    called = HookRequest("POST", url, {}, {}, BODY)
    as_called = hubspot.sign(called, SECRET, NOW)
    decoded = replace(hubspot.sign(replace(called, url=unquote(url)), SECRET, NOW), url=url)
    assert hubspot.verify(as_called, [SECRET], NOW) is Verdict.VERIFIED
    assert hubspot.verify(decoded, [SECRET], NOW) is Verdict.VERIFIED


def test_a_refusal_is_one_that_hubspot_tries_again() -> None:
    adapter = HubspotWorkflow()
    assert (adapter.acknowledgement.refused, adapter.acknowledgement.busy) == (429, 429)


# -- the contact ---------------------------------------------------------------------------------
def read(contact: object, source: SourceView | None = None) -> LeadForm:
    delivered = Delivered(json.dumps(contact).encode())
    return HubspotWorkflow().to_lead(delivered, source or SourceView())


def prop(value: str) -> dict[str, Any]:
    return {"value": value, "versions": [{"value": value, "timestamp": 1}]}


CONTACT = {
    "vid": 50501,
    "portal-id": 4242,
    "profile-url": "https://app.hubspot.com/contacts/4242/contact/50501",
    "properties": {
        "email": prop("dana@northwind.example"),
        "firstname": prop("Dana"),
        "jobtitle": prop(""),
        "mobilephone": prop("+49 170 1"),
        "phone": prop("+49 30 1"),
        "hs_google_click_id": prop("Cj0KEQ"),
        "hs_lead_status": prop("NEW"),
        "team_size": prop("40"),
        "use_case": prop("Routing"),
        "utm_source": prop("google"),
    },
    "form-submissions": [
        {"form-id": "f-old", "timestamp": 1700000000000, "page-url": "https://n.example/old"},
        {"form-id": "f-new", "timestamp": 1700000600000, "page-url": "https://n.example/demo"},
        {"form-id": "f-odd", "timestamp": "soon"},
    ],
}


def test_a_contact_with_histories() -> None:
    form = read(CONTACT, SourceView({"use_case": "message"}))
    assert (form.email, form.first_name, form.job_title) == ("dana@northwind.example", "Dana", None)
    assert (form.external_id, form.message, form.phone) == ("50501", "Routing", "+49 30 1")
    assert form.crm_url == CONTACT["profile-url"]
    assert form.click_ids == {"gclid": "Cj0KEQ"}
    assert form.utm.source == "google"
    assert form.fields == {"team_size": "40"}


def test_the_newest_form_is_the_one_that_was_sent() -> None:
    form = read(CONTACT)
    assert (form.form_id, form.page_url) == ("f-new", "https://n.example/demo")
    assert form.submitted_at is not None
    assert form.submitted_at.timestamp() == 1700000600
    assert read(CONTACT, SourceView(form_id="demo")).form_id == "demo"


def test_a_contact_of_the_object_api() -> None:
    form = read({"id": "7", "properties": {"email": "d@n.example", "company": "Northwind"}})
    assert (form.email, form.company, form.external_id) == ("d@n.example", "Northwind", "7")


@pytest.mark.parametrize(
    "contact", [{}, {"properties": []}, {"properties": {"hs_x": "1"}}, [], {"vid": True}]
)
def test_what_names_nobody_is_unparsable(contact: object) -> None:
    with pytest.raises(Unparsable):
        read(contact)


def test_the_same_bytes_are_the_same_delivery() -> None:
    adapter = HubspotWorkflow()
    signed = hubspot.sign(HookRequest("POST", URL, {}, {}, BODY), SECRET, NOW)
    later = hubspot.sign(HookRequest("POST", URL, {}, {}, BODY), SECRET, NOW + 60)
    assert adapter.split(signed) == adapter.split(later)
