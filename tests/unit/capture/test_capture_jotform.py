"""What a Jotform submission says, also where its ``rawRequest`` cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.submission import KeyKind
from services.capture.adapters.base import Delivered, HookRequest, SourceView, Unparsable
from services.capture.adapters.jotform import Jotform
from services.capture.leadform import LeadForm

EMAIL = "dana@northwind.example"
TYPE = "multipart/form-data; boundary=----WebKit7"


def body(**fields: str) -> bytes:
    parts = (
        f'------WebKit7\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return ("".join(parts) + "------WebKit7--\r\n").encode(errors="surrogatepass")


def read(raw: str, mapping: dict[str, str] | None = None, **fields: str) -> LeadForm:
    sent = body(formID="233", submissionID="58", rawRequest=raw, **fields)
    return Jotform().to_lead(Delivered(sent, {"content-type": TYPE}), SourceView(mapping or {}))


def answers(mapping: dict[str, str] | None = None, **raw: Any) -> LeadForm:
    return read(json.dumps(raw), mapping)


def test_ready_made_questions_need_no_mapping() -> None:
    form = answers(
        slug="submit/233",
        q3_name={"first": "Dana", "last": "Okafor"},
        q4_email=EMAIL,
        q5_phoneNumber={"full": "(415) 555-0132"},
        q9_utm_source="google",
    )
    assert (form.email, form.first_name, form.last_name) == (EMAIL, "Dana", "Okafor")
    assert (form.phone, form.utm.source, form.form_id) == ("(415) 555-0132", "google", "233")
    assert form.fields == {}


def test_answers_go_by_number_by_key_and_by_part() -> None:
    form = answers(
        {"q6": "company", "q7_howMany": "fields.size", "q8.country": "country", "q2": "email"},
        q2_work=EMAIL,
        q6_typeA="Northwind",
        q7_howMany="201-500",
        q8_address={"city": "Berlin", "country": "DE"},
        q9_tools=["Slack", "HubSpot"],
        q4_email="x@y.example",
    )
    assert (form.email, form.company, form.country) == (EMAIL, "Northwind", "DE")
    assert form.fields == {
        "size": "201-500",
        "q9_tools": "Slack, HubSpot",
        "q4_email": "x@y.example",
    }


def test_the_only_address_is_the_persons() -> None:
    assert answers(q2_typeA=f" {EMAIL} ").email == EMAIL
    with pytest.raises(Unparsable, match="no e-mail"):
        answers(q2_typeA=EMAIL, q3_typeB="other@northwind.example")


@pytest.mark.parametrize("raw", ["", "{", "[]", '{"q4_email": "d', "null"])
def test_a_broken_raw_request_keeps_what_people_read(raw: str) -> None:
    pretty = f"Name:Dana, E-mail:{EMAIL}, Company:Northwind"
    form = read(raw, pretty=pretty)
    assert (form.email, form.fields["pretty"]) == (EMAIL, pretty)


def test_without_any_address_the_submission_itself_is_the_id() -> None:
    form = read("{", pretty="Name:Dana, Telephone:0151 1234567")
    assert (form.email, form.external_id) == (None, "58")
    assert "0151" in form.fields["pretty"]


@given(raw=st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_no_raw_request_fails(raw: str) -> None:
    if "\r\n------WebKit7" not in raw:
        assert read(raw, pretty=f"E-mail:{EMAIL}").email == EMAIL


def test_the_delivery_key_is_the_submission() -> None:
    request = HookRequest("POST", "", {}, {"content-type": TYPE}, body(submissionID="58"))
    [item] = Jotform().split(request)
    assert (item.delivery_key, item.key_kind) == ("58", KeyKind.VENDOR_ID)
    [cut] = Jotform().split(HookRequest("POST", "", {}, {"content-type": TYPE}, b"------WebKit7\r"))
    assert cut.key_kind is KeyKind.BODY_HASH
