"""What a Webflow submission says, and the two ways in which it is proven."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from services.capture.adapters.base import (
    Delivered,
    HookRequest,
    Ignored,
    SourceView,
    Unparsable,
    Verdict,
)
from services.capture.adapters.webflow import Webflow
from services.capture.leadform import LeadForm

BODY = '{"email":"dana@northwind.example","n":1,"name":"Zoë"}'.encode()
SECRET = b"lead-router-test-secret"
NOW = 1_700_000_000.0
VECTOR = "2a3c5421b45f67d597ceb5bd6456302c4800236ad5fd5045847c8d8bd6a004eb"
EMAIL = "dana@northwind.example"


def request(**headers: str) -> HookRequest:
    return HookRequest("POST", "https://h.example/hooks/x", {}, headers, BODY)


def test_computed_vector() -> None:
    signed = Webflow().sign(request(), SECRET, NOW)
    assert signed.headers["x-webflow-timestamp"] == "1700000000000"
    assert signed.headers["x-webflow-signature"] == VECTOR


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0, "verified"), (300, "verified"), (301, "stale"), (-301, "stale")]
)
def test_the_window_is_five_minutes_both_ways(seconds: int, verdict: str) -> None:
    signed = Webflow().sign(request(), SECRET, NOW)
    assert Webflow().verify(signed, [SECRET], NOW + seconds) == verdict


def test_a_dashboard_hook_is_proven_by_its_address() -> None:
    for token, verdict in ((SECRET.decode(), "verified"), ("x", "mismatch"), ("", "unsigned")):
        asked = replace(request(), query={"token": token})
        assert Webflow().verify(asked, [b"previous", SECRET], NOW) == verdict


def test_the_address_does_not_make_up_for_a_wrong_signature() -> None:
    signed = Webflow().sign(request(), b"wrong", NOW)
    asked = replace(signed, query={"token": SECRET.decode()})
    assert Webflow().verify(asked, [SECRET], NOW) is Verdict.MISMATCH


def read(data: object, mapping: dict[str, str], **refs: str) -> LeadForm:
    schema = [{"fieldName": name, "fieldElementId": ref} for name, ref in refs.items()]
    payload = {
        "data": data, "schema": schema, "id": "1", "formId": "f1",
        "submittedAt": "2026-11-20T10:02:30.000Z",
    }  # fmt: skip
    event = {"triggerType": "form_submission", "payload": payload}
    return Webflow().to_lead(Delivered(json.dumps(event).encode()), SourceView(mapping))


def test_answers_go_by_element_and_not_by_name() -> None:
    data = {"Address": EMAIL, "Phone": 4915112345678, "Size": "201-500", "utm_source": "google"}
    mapping = {"e1": "email", "Size": "company"}
    form = read(data, mapping, Address="e1", Phone="e2", Size="e3")
    assert (form.email, form.phone, form.form_id) == (EMAIL, "4915112345678", "f1")
    assert form.company is None
    assert form.fields["e3"] == "201-500"
    assert form.utm.source == "google"


def test_what_has_no_element_goes_by_name() -> None:
    form = read({"work": EMAIL, "email": "x@y.example"}, {"work": "email"})
    assert (form.email, form.fields) == (EMAIL, {"email": "x@y.example"})


@pytest.mark.parametrize("data", [None, [], "x"])
def test_another_shape_is_unparsable(data: object) -> None:
    with pytest.raises(Unparsable):
        read(data, {})


def test_other_triggers_are_ignored() -> None:
    with pytest.raises(Ignored, match="site_publish"):
        Webflow().to_lead(Delivered(b'{"triggerType": "site_publish"}'), SourceView())
