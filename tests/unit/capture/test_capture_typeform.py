"""What a Typeform response says, by reference and never by title."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.base import KindName
from services.capture.adapters.base import Delivered, Ignored, SourceView, Unparsable
from services.capture.adapters.typeform import Typeform
from services.capture.leadform import LeadForm

MAPPING = {"work_email": "email", "size": "fields.company_size", "where": "country"}


def answer(kind: str, value: object, ref: str) -> dict[str, Any]:
    return {"type": kind, kind: value, "field": {"id": "x", "type": kind, "ref": ref}}


def read(*answers: object, mapping: dict[str, str] | None = None, **response: object) -> LeadForm:
    event = {
        "event_id": "e",
        "event_type": "form_response",
        "form_response": {"form_id": "f1", "token": "t", "answers": list(answers), **response},
    }
    view = SourceView(MAPPING if mapping is None else mapping, KindName.DEMO_REQUEST)
    return Typeform().to_lead(Delivered(json.dumps(event).encode()), view)


def test_answers_go_where_the_mapping_says_and_others_are_kept() -> None:
    form = read(
        answer("email", "d@n.example", "work_email"),
        answer("choice", {"id": "c", "ref": "s200", "label": "201-500"}, "size"),
        answer("choice", {"id": "c", "ref": "DE"}, "where"),
        answer("choices", {"labels": ["Slack", "HubSpot"], "other": "Pipedrive"}, "tools"),
        answer("number", 40, "reps"),
        answer("boolean", True, "urgent"),
    )
    assert (form.email, form.country, form.form_id) == ("d@n.example", "DE", "f1")
    assert form.fields == {
        "company_size": "201-500",
        "tools": "Slack, HubSpot, Pipedrive",
        "reps": "40",
        "urgent": "true",
    }


def test_hidden_fields_fill_campaign_and_click_ids() -> None:
    hidden = {"utm_source": "google", "utm_medium": "cpc", "gclid": "abc", "plan": "pro"}
    form = read(answer("email", "d@n.example", "work_email"), hidden=hidden)
    assert (form.utm.source, form.utm.medium) == ("google", "cpc")
    assert form.click_ids == {"gclid": "abc"}
    assert form.fields == {"plan": "pro"}


def test_the_only_email_answer_is_the_persons_without_any_mapping() -> None:
    form = read(answer("email", "d@n.example", "q1"), mapping={})
    assert (form.email, form.fields) == ("d@n.example", {})


def test_two_email_answers_without_a_mapping_are_nobodys() -> None:
    with pytest.raises(Unparsable, match="no e-mail"):
        read(answer("email", "a@n.example", "q1"), answer("email", "b@n.example", "q2"), mapping={})


def test_the_time_of_the_press_is_kept() -> None:
    form = read(answer("email", "d@n.example", "work_email"), submitted_at="2026-11-20T10:02:30Z")
    assert form.submitted_at is not None
    assert form.submitted_at.isoformat() == "2026-11-20T10:02:30+00:00"


def test_another_event_type_is_ignored() -> None:
    body = json.dumps({"event_type": "form_response_partial", "form_response": {}}).encode()
    with pytest.raises(Ignored, match="form_response_partial"):
        Typeform().to_lead(Delivered(body), SourceView())


@pytest.mark.parametrize(
    "response",
    [None, [], {"answers": {}}, {"answers": [1]}, {"answers": [{"field": {}}]}],
)
def test_a_response_of_another_shape_is_unparsable(response: object) -> None:
    body = json.dumps({"event_type": "form_response", "form_response": response}).encode()
    with pytest.raises(Unparsable):
        Typeform().to_lead(Delivered(body), SourceView())
