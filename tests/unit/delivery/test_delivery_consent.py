"""Unsubscribed stops everything but what the person asked for; a refusal stops its channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from schemas.assignment import AssignmentStatus
from schemas.base import KindName
from schemas.lead import Consent
from schemas.touch import TouchMeans, TouchReason
from services.delivery.config import Sink
from services.delivery.consent import barred
from tests.support.changes import changed, due

SINK: TypeAdapter[Sink] = TypeAdapter(Sink)
THEN = datetime(2026, 11, 1, tzinfo=UTC)
CONFIGS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://x.example/in", "secret": "HOOK"},
    "slack": {"token": "BOT", "signing_secret": "SIGNING", "channel": "#leads"},
    "email": {"host": "smtp.example", "sender": "leads@x.example"},
    "hubspot": {"token": "HUBSPOT"},
    "outreach": {
        "sequences": {"plan": 1}, "client_id": "app", "client_secret": "OUT", "token": "OUT_TOKEN",
        "redirect_uri": "https://x.example",
    },
    "salesloft": {"sequences": {"plan": 1}, "token": "LOFT"},
    "salesforce": {
        "instance_url": "https://x.example", "client_id": "app", "client_secret": "SALESFORCE",
    },
}  # fmt: skip


def sink(kind: str) -> Sink:
    return SINK.validate_python({"type": kind, **CONFIGS[kind]})


def refusal(channel: str, at: datetime | None = None) -> Consent:
    return Consent(purpose="marketing", channel=channel, basis="refused", at=at)


@pytest.mark.parametrize(
    ("kind", "of", "status", "expected"),
    [
        ("slack", "demo_request", "assigned", None),
        ("email", "contact_sales", "reassigned", None),
        ("slack", "prospect", "assigned", "unsubscribed"),
        ("email", "content_download", "assigned", "unsubscribed"),
        ("hubspot", "demo_request", "nurtured", "unsubscribed"),
        ("hubspot", "prospect", "assigned", None),
        ("salesforce", "prospect", "assigned", None),
        ("webhook", "prospect", "assigned", None),
    ],
    ids=[
        "a demo is answered", "sales is told", "a prospect is left alone",
        "a download asks for no call", "no marketing list", "an owner is kept",
        "an owner is kept there too", "the history is told",
    ],
)  # fmt: skip
def test_unsubscribed_stops_all_but_what_was_asked_for(
    kind: str, of: str, status: str, expected: str | None
) -> None:
    event = changed(AssignmentStatus(status), kind=KindName(of))
    assert barred(sink(kind), event, None, THEN) == expected
    assert barred(sink(kind), event, None, None) is None


def test_a_cadence_stops_although_the_person_once_asked_a_reminder_of_the_demo_does_not() -> None:
    event = changed(kind=KindName("demo_request"))
    reminder = due(event)
    planned = reminder.model_copy(update={"reason": TouchReason.CADENCE, "means": TouchMeans.EMAIL})
    assert barred(sink("slack"), event, reminder, THEN) is None
    assert barred(sink("slack"), event, planned, THEN) == "unsubscribed"


def test_a_tool_that_runs_a_plan_hears_that_it_is_over_but_begins_none() -> None:
    refused = (refusal("any"), refusal("email"))
    event = changed(kind=KindName("demo_request"), lead={"consent": refused})
    begins = due(event).model_copy(update={"reason": TouchReason.CADENCE, "step": 1})
    over = begins.model_copy(update={"ended": "withdrawn"})
    for kind in ("outreach", "salesloft"):
        assert barred(sink(kind), event, begins) == "no_consent"
        assert barred(sink(kind), event, begins, THEN) == "unsubscribed"
        assert barred(sink(kind), event, over, THEN) is None


@pytest.mark.parametrize(
    ("refused", "means", "expected"),
    [
        ("email", TouchMeans.EMAIL, "no_consent"),
        ("email", TouchMeans.CALL, None),
        ("Call", TouchMeans.CALL, "no_consent"),
        ("linkedin", TouchMeans.LINKEDIN, "no_consent"),
        ("any", TouchMeans.LINKEDIN, "no_consent"),
        ("", TouchMeans.OTHER, "no_consent"),
        ("email", TouchMeans.OTHER, None),
    ],
)
def test_a_planned_touch_by_a_refused_channel_is_not_handed_over(
    refused: str, means: TouchMeans, expected: str | None
) -> None:
    event = changed(kind=KindName("prospect"), lead={"consent": (refusal(refused),)})
    touch = due(event).model_copy(update={"reason": TouchReason.CADENCE, "means": means})
    assert barred(sink("slack"), event, touch) == expected


def test_who_refused_everything_is_told_of_only_where_they_asked() -> None:
    consent = {"consent": (refusal("any"),)}
    assert barred(sink("slack"), changed(kind=KindName("demo_request"), lead=consent)) is None
    assert barred(sink("slack"), changed(kind=KindName("newsletter"), lead=consent)) == "no_consent"


def test_who_refused_mail_goes_onto_no_list() -> None:
    event = changed(AssignmentStatus.NURTURED, lead={"consent": (refusal("email"),)})
    assert barred(sink("hubspot"), event) == "no_consent"
    assert barred(sink("hubspot"), changed(AssignmentStatus.NURTURED)) is None


@pytest.mark.parametrize(("days", "expected"), [(1, None), (-1, "unsubscribed")])
def test_who_agrees_again_afterwards_is_not_unsubscribed_any_more(
    days: int, expected: str | None
) -> None:
    again = Consent(
        purpose="marketing", channel="email", basis="consent", at=THEN + timedelta(days=days)
    )
    event = changed(kind=KindName("newsletter"), lead={"consent": (again,)})
    assert barred(sink("slack"), event, None, THEN) == expected
