"""What a Tally response says, by key and never by label."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.capture.adapters.base import Delivered, HookRequest, Ignored, SourceView, Unparsable
from services.capture.adapters.tally import Tally
from services.capture.leadform import LeadForm

EMAIL = "dana@northwind.example"
OPTIONS = [{"id": "o1", "text": "1-10"}, {"id": "o2", "text": "201-500"}]


def field(key: str, value: object, kind: str = "INPUT_TEXT", **more: object) -> dict[str, Any]:
    return {"key": key, "label": "A label", "type": kind, "value": value, **more}


def read(*fields: object, mapping: dict[str, str] | None = None) -> LeadForm:
    data = {"submissionId": "s", "formId": "f1", "createdAt": "2026-11-20T10:02:30Z"}
    event = {"eventType": "FORM_RESPONSE", "data": {**data, "fields": list(fields)}}
    return Tally().to_lead(Delivered(json.dumps(event).encode()), SourceView(mapping or {}))


def test_answers_go_by_key_and_others_are_kept() -> None:
    form = read(field("q1", EMAIL), field("q2", "Northwind"), mapping={"q1": "email"})
    assert (form.email, form.form_id, form.fields) == (EMAIL, "f1", {"q2": "Northwind"})
    assert form.submitted_at is not None


def test_choices_give_their_texts_and_what_was_typed_instead() -> None:
    form = read(
        field("m", EMAIL, "INPUT_EMAIL"),
        field("size", ["o2"], "MULTIPLE_CHOICE", options=OPTIONS),
        field("drop", "o1", "DROPDOWN", options=OPTIONS),
        field("tools", ["o1", "my own"], "CHECKBOXES", options=OPTIONS),
        field("tools_o1", True, "CHECKBOXES"),
        field("none", None, "DROPDOWN", options=OPTIONS),
        field("files", [{"url": "https://f.example/1", "name": "x"}], "FILE_UPLOAD"),
    )
    assert form.email == EMAIL
    assert form.fields == {
        "size": "201-500",
        "drop": "1-10",
        "tools": "1-10, my own",
        "files": "https://f.example/1",
    }


def test_hidden_fields_go_by_their_name() -> None:
    hidden = [
        field(f"h{name}", f"a {name}", "HIDDEN_FIELDS", label=name)
        for name in ("utm_source", "gclid", "plan", "who")
    ]
    form = read(field("m", EMAIL, "INPUT_EMAIL"), *hidden, mapping={"who": "full_name"})
    assert (form.utm.source, form.click_ids) == ("a utm_source", {"gclid": "a gclid"})
    assert (form.first_name, form.fields) == ("a", {"plan": "a plan"})


def test_a_label_that_is_a_field_of_ours_means_nothing() -> None:
    form = read(field("m", EMAIL, "INPUT_EMAIL"), field("q", "x", label="company"))
    assert (form.company, form.fields) == (None, {"q": "x"})


def test_two_addresses_without_a_mapping_are_nobodys() -> None:
    both = [field("a", EMAIL, "INPUT_EMAIL"), field("b", "x@y.example", "INPUT_EMAIL")]
    with pytest.raises(Unparsable, match="no e-mail"):
        read(*both)
    assert read(*both, mapping={"b": "email"}).email == "x@y.example"


def test_other_events_are_ignored() -> None:
    with pytest.raises(Ignored, match="FORM_VIEWED"):
        Tally().to_lead(Delivered(b'{"eventType": "FORM_VIEWED"}'), SourceView())


@pytest.mark.parametrize("fields", [None, [1], [{"key": 1}], [{"key": "a"}]])
def test_a_body_of_another_shape_is_unparsable(fields: object) -> None:
    body = json.dumps({"eventType": "FORM_RESPONSE", "data": {"fields": fields}})
    with pytest.raises(Unparsable):
        Tally().to_lead(Delivered(body.encode()), SourceView())


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"eventId": "e1", "data": {"submissionId": "s1"}}', "e1"),
        ('{"data": {"submissionId": "s1"}}', "s1"),
    ],
)
def test_the_delivery_key_is_the_event(body: str, key: str) -> None:
    [item] = Tally().split(HookRequest("POST", "", {}, {}, body.encode()))
    assert item.delivery_key == key


def test_computed_vector() -> None:
    body = '{"email":"dana@northwind.example","n":1,"name":"Zoë"}'.encode()
    signed = Tally().sign(HookRequest("POST", "", {}, {}, body), b"lead-router-test-secret", 0)
    assert signed.headers["tally-signature"] == "TgeMP8oZeio3YMuD4SyxrQKI5Z0CEoq6ffcwiQeLdg4="
