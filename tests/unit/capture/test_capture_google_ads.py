"""What a Google Ads lead says, and that its key is proof and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.capture.adapters.base import (
    Delivered,
    HookRequest,
    Item,
    SourceView,
    Unparsable,
    Verdict,
)
from services.capture.adapters.google_ads import GoogleAds
from services.capture.leadform import LeadForm

KEY = b"s3cr3t-of-the-form"
BIG = 9_007_199_254_740_993
"""The first whole number that a double cannot hold."""


def column(name: str, value: str) -> dict[str, str]:
    return {"column_id": name, "string_value": value}


def lead(*columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "lead_id": "TeSter-0001",
        "user_column_data": list(columns) or [column("WORK_EMAIL", "dana@northwind.example")],
        "api_version": "1.0",
        "form_id": 40000000001,
        **more,
    }


def request(document: object) -> HookRequest:
    return HookRequest("POST", "https://h.example/", {}, {}, json.dumps(document).encode())


def item(document: object) -> Item:
    [found] = GoogleAds().split(request(document))
    return found


def read(document: object, source: SourceView | None = None) -> LeadForm:
    return GoogleAds().to_lead(Delivered(item(document).body), source or SourceView())


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (lead(google_key=KEY.decode()), "verified"),
        (lead(google_key=KEY.decode() + "x"), "mismatch"),
        (lead(google_key=""), "unsigned"),
        (lead(), "unsigned"),
        (lead(google_key=7), "unsigned"),
        (lead(google_key=None), "unsigned"),
        (lead(google_key="é"), "mismatch"),
        (lead(google_key="\ud800"), "unsigned"),
        ([KEY.decode()], "unsigned"),
    ],
)
def test_only_the_key_in_the_body_proves(document: object, verdict: str) -> None:
    assert GoogleAds().verify(request(document), [b"older", KEY], 0) == verdict


def test_without_a_secret_nothing_is_proven() -> None:
    assert GoogleAds().verify(request(lead(google_key="")), [], 0) is not Verdict.VERIFIED


def test_the_key_is_not_kept() -> None:
    kept = item(lead(google_key=KEY.decode(), campaign_id=BIG))
    assert KEY not in kept.body
    assert json.loads(kept.body) == lead(campaign_id=BIG)


def test_a_retry_has_the_key_of_the_first_delivery_whatever_secret_it_came_with() -> None:
    first, again = item(lead(google_key="old")), item(lead(google_key="new"))
    assert first == again
    assert first.delivery_key == "TeSter-0001"


def test_test_leads_share_one_id_and_are_not_one_lead() -> None:
    first = item(lead(is_test=True))
    other = item(lead(column("EMAIL", "e@n.example"), is_test=True))
    assert first.delivery_key != other.delivery_key
    assert read(lead(is_test=True)).test


def test_ids_are_texts_and_lose_no_digit() -> None:
    form = read(lead(campaign_id=BIG, form_id=BIG, creative_id=str(BIG)))
    assert form.form_id == str(BIG)
    assert form.fields["campaign_id"] == form.fields["creative_id"] == str(BIG)


def test_columns_go_by_their_id() -> None:
    form = read(
        lead(
            column("FULL_NAME", "Dana Van Dyke"),
            column("COMPANY_NAME", "Northwind"),
            column("JOB_TITLE", "Head of Sales"),
            column("PHONE_NUMBER", "+49 30 123456"),
            column("COUNTRY", "DE"),
            column("which_product", "Router"),
            gcl_id="Cj0KEQ",
            lead_submit_time="2026-11-20T10:02:30Z",
        ),
        SourceView({"which_product": "message"}, form_id="demo"),
    )
    assert (form.first_name, form.last_name) == ("Dana", "Van Dyke")
    assert (form.company, form.job_title, form.country) == ("Northwind", "Head of Sales", "DE")
    assert (form.message, form.form_id) == ("Router", "demo")
    assert form.click_ids == {"gclid": "Cj0KEQ"}
    assert form.submitted_at is not None
    assert form.submitted_at.isoformat() == "2026-11-20T10:02:30+00:00"
    assert not form.test


@pytest.mark.parametrize("turned", [False, True])
def test_the_address_at_work_is_the_persons_and_the_other_is_kept(turned: bool) -> None:
    columns = [column("EMAIL", "dana@mail.example"), column("WORK_EMAIL", "dana@n.example")]
    form = read(lead(*(reversed(columns) if turned else columns)))
    assert form.email == "dana@n.example"
    assert form.fields["EMAIL"] == "dana@mail.example"


@pytest.mark.parametrize(
    "document",
    [
        {"lead_id": "x"},
        {"user_column_data": {}},
        {"user_column_data": ["EMAIL"]},
        {"user_column_data": [{"column_name": "E-mail", "string_value": "d@n.example"}]},
        lead(column("JOB_TITLE", "nobody")),
    ],
)
def test_what_is_no_lead_of_anybody_is_unparsable(document: object) -> None:
    with pytest.raises(Unparsable):
        read(document)
