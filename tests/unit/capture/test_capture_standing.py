"""What the person who pressed the button may hear."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from pydantic import ValidationError

from schemas.assignment import AssignmentChanged
from services.capture.browser import BrowserConfig
from services.capture.standing import outcomes, source_of, standing, token
from tests.support.examples import good

ONE, OTHER = UUID(int=1), UUID(int=2)
KEY = b"installation"
TEXTS = BrowserConfig(
    booking_url="https://meet.example/team", assigned="{first_name} calls.", after_hours="Closed."
)


def changed(status: str, sequence: int = 1, **more: object) -> AssignmentChanged:
    rep = {"id": "lena", "name": "Lena Vogt", "email": "l@e.example", "external_ids": {}}
    example = json.loads(good("assignment.changed.v1", "assigned"))
    own = {"submission_id": str(ONE), "status": status, "sequence": sequence, "rep": rep}
    told = {**example, **own, **more}
    return AssignmentChanged.model_validate(told)


def said(*events: AssignmentChanged) -> dict[str, object]:
    found = {one.submission_id: one for one in outcomes(events)}
    return standing(ONE, found.get(ONE), TEXTS)


@pytest.mark.parametrize("status", ["assigned", "reassigned", "escalated", "re_engaged"])
def test_whoever_has_it_is_named_by_first_name_alone(status: str) -> None:
    answer = said(changed(status))
    assert answer["status"] == "assigned"
    assert answer["rep"] == {"first_name": "Lena"}
    assert answer["text"] == "Lena calls."
    assert answer["booking_url"] == "https://meet.example/team"
    assert "Vogt" not in str(answer)


def test_a_rep_has_a_booking_page_of_their_own() -> None:
    mine = {"booking_url": "https://meet.example/lena"}
    rep = {"id": "lena", "name": "Lena", "email": "l@e.example", "external_ids": mine}
    assert said(changed("assigned", rep=rep))["booking_url"] == "https://meet.example/lena"
    for nonsense in ("javascript:alert(1)", "http://meet.example", "https://", "https://[", ""):
        mine["booking_url"] = nonsense
        answer = said(changed("assigned", rep=rep))
        assert answer["booking_url"] == "https://meet.example/team", nonsense


def test_a_hold_says_when_somebody_is_back() -> None:
    answer = said(changed("held", rep=None, held_until="2026-11-24T08:00:00Z"))
    assert (answer["status"], answer["text"], answer["rep"]) == ("held", "Closed.", None)
    assert answer["held_until"] == "2026-11-24T08:00:00+00:00"


def test_what_is_nobodys_sounds_like_what_is_not_decided() -> None:
    waiting = standing(ONE, None, TEXTS)
    assert waiting["status"] == "received"
    assert said(changed("nurtured", rep=None)) == waiting


def test_the_latest_counts_and_an_attempt_that_is_over_tells_nothing() -> None:
    tom = {"id": "tom", "name": "Tom", "email": "t@e.example", "external_ids": {}}
    hop = [changed("assigned", 1), changed("expired", 2), changed("reassigned", 3, rep=tom)]
    for order in (hop, hop[::-1]):
        assert said(*order)["rep"] == {"first_name": "Tom"}


def test_a_token_is_one_submissions() -> None:
    given = token("web", ONE, KEY)
    assert source_of(given, ONE, KEY) == "web"
    assert source_of(given, OTHER, KEY) is None
    assert source_of(given, ONE, b"another") is None
    assert source_of(given.replace("web", "api"), ONE, KEY) is None
    for nonsense in ("", ".", "web", "web.", "é.é", "\ud800"):
        assert source_of(nonsense, ONE, KEY) is None


@pytest.mark.parametrize(
    "origin",
    ["https://a.example/", "https://A.example", "http://a.example", "*", "https://a.example?x"],
)
def test_an_origin_is_exact(origin: str) -> None:
    with pytest.raises(ValidationError, match="https://host"):
        BrowserConfig(origins=(origin,))
    assert BrowserConfig(origins=("https://a.example:8443", "http://127.0.0.1:8000")).origins
