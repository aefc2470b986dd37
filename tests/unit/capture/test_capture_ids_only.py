"""Meta, LinkedIn and HubSpot apps: what events name, what is asked, what the answer says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import (
    Adapter,
    Delivered,
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unparsable,
    Verdict,
)
from services.capture.adapters.fetching import Access, Fetching, fetching
from services.capture.adapters.generic import Generic
from services.capture.adapters.hubspot_app import HubspotApp
from services.capture.adapters.linkedin_lead_gen import LinkedinLeadGen
from services.capture.adapters.meta_lead_ads import MetaLeadAds
from services.capture.adapters.presets import Preset
from services.capture.leadform import LeadForm

SECRET = b"lead-router-test-secret"
BODY = '{"email":"dana@northwind.example","n":1,"name":"Zoë"}'.encode()
ACCESS = Access("https://api.example", "tok", ("team_size",))
CODE = "890e4665-4dfe-4ab1-b689-ed553bceeed0"


def items(adapter: Fetching, document: object) -> list[Item]:
    return list(adapter.split(HookRequest("POST", "", {}, {}, json.dumps(document).encode())))


def read(
    adapter: Fetching, document: object, answer: object, source: SourceView | None = None
) -> LeadForm:
    [item] = items(adapter, document)
    given = json.dumps(answer).encode()
    return adapter.fetched(Delivered(item.body), given, source or SourceView())


def url(adapter: Fetching, document: object) -> str:
    [item] = items(adapter, document)
    return adapter.fetch(Delivered(item.body), ACCESS).url


def challenge(**query: str) -> HookRequest:
    named = {name.replace("__", "."): value for name, value in query.items()}
    return HookRequest("GET", "https://h.example/", named, {}, b"")


@pytest.mark.parametrize("adapter", [*ADAPTERS.values(), Generic(), Generic(Preset())])
def test_which_adapters_ask_the_vendor(adapter: Adapter) -> None:
    for _ in range(2):
        assert (fetching(adapter) is not None) is isinstance(adapter, Fetching)


@pytest.mark.parametrize("adapter", [HubspotApp(), LinkedinLeadGen(), MetaLeadAds()])
def test_the_token_is_in_a_header_and_not_in_what_is_printed(adapter: Fetching) -> None:
    documents: dict[str, object] = {
        "hubspot_app": [CREATED], "meta_lead_ads": meta(1), "linkedin_lead_gen": RESPONSE
    }  # fmt: skip
    [item] = items(adapter, documents[adapter.name])
    asked = adapter.fetch(Delivered(item.body), Access("https://api.example", "s3cr3t-token"))
    assert asked.headers["authorization"] == "Bearer s3cr3t-token"
    assert "s3cr3t" not in f"{asked} {ACCESS} {asked.url}"


# -- HubSpot -------------------------------------------------------------------------------------
CREATED = {
    "eventId": 311, "subscriptionId": 77, "portalId": 4242, "occurredAt": 1763632800000,
    "subscriptionType": "contact.creation", "attemptNumber": 0, "objectId": 50501,
    "changeSource": "FORM",
}  # fmt: skip


def test_a_hubspot_retry_is_the_same_delivery_alone_or_in_company() -> None:
    [first] = items(HubspotApp(), [CREATED])
    other, again = items(
        HubspotApp(), [{**CREATED, "objectId": 7}, {**CREATED, "attemptNumber": 3}]
    )
    assert again == first
    assert other.delivery_key != first.delivery_key


@pytest.mark.parametrize(
    "event",
    [
        {"subscriptionType": "contact.deletion"},
        {"subscriptionType": "company.creation"},
        {"subscriptionType": "object.creation", "objectTypeId": "0-2"},
        {"subscriptionType": "object.creation"},
        {"subscriptionType": "contact.propertyChange", "propertyName": "lifecyclestage"},
    ],
)
def test_other_hubspot_events_ask_nothing(event: dict[str, str]) -> None:
    with pytest.raises(Ignored):
        url(HubspotApp(), [{**CREATED, **event}])


def test_a_hubspot_contact() -> None:
    asked = url(HubspotApp(), [CREATED])
    assert asked.startswith("https://api.example/crm/v3/objects/contacts/50501?properties=email,")
    assert asked.endswith(",team_size")
    answer = {"id": "50501", "properties": {"email": "dana@n.example", "team_size": "40"}}
    view = SourceView({"team_size": "fields.company_size"})
    form = read(HubspotApp(), [CREATED], answer, view)
    assert (form.email, form.external_id) == ("dana@n.example", "50501")
    assert form.crm_url == "https://app.hubspot.com/contacts/4242/contact/50501"
    assert form.fields == {"company_size": "40", "hubspot_change_source": "FORM"}
    assert form.submitted_at is not None
    assert form.submitted_at.timestamp() == 1763632800
    with pytest.raises(Unparsable, match="another contact"):
        read(HubspotApp(), [CREATED], {**answer, "id": "50502"})


def test_an_id_cannot_lead_the_question_elsewhere() -> None:
    asked = url(HubspotApp(), [{**CREATED, "objectId": "../../oauth?x=#"}])
    assert asked.startswith(
        "https://api.example/crm/v3/objects/contacts/..%2F..%2Foauth%3Fx%3D%23?"
    )


# -- Meta ----------------------------------------------------------------------------------------
def meta(lead: object, field: str = "leadgen", time: int = 1) -> dict[str, Any]:
    value = {"leadgen_id": lead, "page_id": "9", "form_id": "8"}
    changes = [{"field": field, "value": value}]
    return {"object": "page", "entry": [{"id": "9", "time": time, "changes": changes}]}


def test_meta_vectors() -> None:
    good = "sha256=4e078c3fca197a2a3760cb83e12cb1ad0288e59d02128aba7df73089078b760e"
    request = HookRequest("POST", "", {}, {"x-hub-signature-256": good}, BODY)
    assert MetaLeadAds().verify(request, [SECRET], 0) is Verdict.VERIFIED


def test_meta_is_answered_only_with_the_right_token() -> None:
    asked = {"hub__mode": "subscribe", "hub__verify_token": "tok", "hub__challenge": "1158201444"}
    answer = MetaLeadAds().handshake(challenge(**asked), [b"old", b"tok"])
    assert answer is not None
    assert (answer.body, answer.content_type.split(";")[0]) == (b"1158201444", "text/plain")
    for wrong in (
        {"hub__verify_token": "to"},
        {"hub__verify_token": ""},
        {"hub__mode": "unsubscribe"},
        {"hub__challenge": "<script>"},
        {"hub__challenge": ""},
    ):
        assert MetaLeadAds().handshake(challenge(**{**asked, **wrong}), [b"tok"]) is None
    assert MetaLeadAds().handshake(challenge(**{**asked, "hub__verify_token": ""}), []) is None


def test_a_meta_lead_has_one_key_as_a_number_or_a_text_and_in_any_batch() -> None:
    [text], [number] = items(MetaLeadAds(), meta("444")), items(MetaLeadAds(), meta(444))
    [later] = items(MetaLeadAds(), meta("444", time=2))
    assert text.delivery_key == number.delivery_key == "444"
    assert later == text
    both = {"object": "page", "entry": [*meta("1")["entry"], *meta("2")["entry"]]}
    assert [item.delivery_key for item in items(MetaLeadAds(), both)] == ["1", "2"]


def test_a_meta_answer() -> None:
    assert url(MetaLeadAds(), meta(444)).startswith("https://api.example/444?fields=created_time,")
    answer = {
        "id": "444", "created_time": "2026-11-20T10:02:30+0000", "form_id": "8", "ad_id": "77",
        "field_data": [
            {"name": "email", "values": ["dana@mail.example"]},
            {"name": "full_name", "values": ["Dana Ruiz"]},
            {"name": "work_email", "values": ["dana@n.example"]},
            {"name": "tools", "values": ["Slack", "HubSpot"]},
            {"name": "phone_number", "values": []},
        ],
    }  # fmt: skip
    form = read(MetaLeadAds(), meta(444), answer, SourceView({"tools": "message"}))
    assert (form.email, form.first_name, form.message) == (
        "dana@n.example",
        "Dana",
        "Slack, HubSpot",
    )
    assert form.fields == {"email": "dana@mail.example", "ad_id": "77"}
    assert (form.form_id, form.test, form.phone) == ("8", False, None)
    assert form.submitted_at is not None
    test = "<test lead: dummy data for full_name>"
    answer["field_data"][1]["values"] = [test]  # type: ignore[index]
    assert read(MetaLeadAds(), meta(444), answer).test


@pytest.mark.parametrize(
    ("status", "error", "meaning"),
    [
        (400, {"code": 190}, 401),
        (400, {"code": 200}, 403),
        (400, {"code": 4}, 429),
        (403, {"code": 80005}, 429),
        (400, {"code": 100, "error_subcode": 33}, 404),
        (400, {"code": 100}, 400),
        (400, {"code": 2}, 503),
        (400, {"code": 77, "is_transient": True}, 503),
        (400, "wrong", 400),
        (200, {"code": 190}, 200),
        (500, {"code": 190}, 500),
    ],
)
def test_meta_says_most_things_with_a_number(status: int, error: object, meaning: int) -> None:
    assert MetaLeadAds().status(status, json.dumps({"error": error}).encode()) == meaning
    assert MetaLeadAds().status(status, b"<html>") == status


def test_other_fields_of_a_page_ask_nothing() -> None:
    with pytest.raises(Ignored):
        url(MetaLeadAds(), meta(444, field="feed"))


# -- LinkedIn ------------------------------------------------------------------------------------
RESPONSE = {
    "type": "LEAD_ACTION", "leadAction": "CREATED", "occurredAt": 1763632800000,
    "leadGenFormResponse": "urn:li:leadGenFormResponse:a9a29e52-4",
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "id": "a9a29e52-4", "submittedAt": 1763632800000, "testLead": False,
    "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:3162,1)",
    "formResponse": {"answers": [
        {"questionId": 1, "answerDetails": {"textQuestionAnswer": {"answer": "Dana"}}},
        {"questionId": 2, "answerDetails": {"textQuestionAnswer": {"answer": "dana@n.example"}}},
        {"questionId": 3, "answerDetails": {"multipleChoiceAnswer": {"options": [1, 4]}}},
        {"questionId": 4, "answerDetails": {"textQuestionAnswer": {"answer": "hello"}}},
    ]},
    "form": {
        "hiddenFields": [{"name": "utm_source", "value": "linkedin"}],
        "content": {"questions": [
            {"questionId": 1, "name": "First name", "predefinedField": "FIRST_NAME"},
            {"questionId": 2, "name": "E-mail", "predefinedField": "WORK_EMAIL"},
            {"questionId": 3, "name": "Which tools?"},
        ]},
    },
}  # fmt: skip


def test_linkedin_vectors() -> None:
    good = "425bb6893afc6426c972e8709c8df89c705df7c4018372915d5065bdb49f6bf6"
    request = HookRequest("POST", "", {}, {"x-li-signature": good}, BODY)
    assert LinkedinLeadGen().verify(request, [b"x", SECRET], 0) is Verdict.VERIFIED
    answer = LinkedinLeadGen().handshake(challenge(challengeCode=CODE), [SECRET, b"previous"])
    assert answer is not None
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == {
        "challengeCode": CODE,
        "challengeResponse": "a43b44a15c2bf42c6b688976638bc87c06c6cbb96efe12b1338bb2fbfdea629a",
    }
    assert LinkedinLeadGen().handshake(challenge(challengeCode="x" * 201), [SECRET]) is None


def test_a_linkedin_answer() -> None:
    asked = url(LinkedinLeadGen(), RESPONSE)
    assert asked.startswith("https://api.example/rest/leadFormResponses/a9a29e52-4?fields=id,")
    form = read(LinkedinLeadGen(), RESPONSE, ANSWER, SourceView({"4": "message"}))
    assert (form.first_name, form.email, form.message) == ("Dana", "dana@n.example", "hello")
    assert form.fields == {"Which tools?": "1, 4"}
    assert form.utm.source == "linkedin"
    assert form.form_id == ANSWER["versionedLeadGenFormUrn"]
    assert read(LinkedinLeadGen(), RESPONSE, {**ANSWER, "testLead": True}).test
    with pytest.raises(Unparsable, match="another response"):
        read(LinkedinLeadGen(), RESPONSE, {**ANSWER, "id": "b"})


def test_a_deleted_linkedin_response_is_another_delivery_and_no_lead() -> None:
    deleted = {**RESPONSE, "leadAction": "DELETED"}
    [one], [other] = items(LinkedinLeadGen(), RESPONSE), items(LinkedinLeadGen(), deleted)
    assert one.delivery_key != other.delivery_key
    with pytest.raises(Ignored):
        url(LinkedinLeadGen(), deleted)
