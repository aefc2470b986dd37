"""Which sink is told of what, what is not needed any more, when to try again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.assignment import AssignmentStatus
from services.delivery.config import DeliveryFile, Sink, missing_secrets, parse
from services.delivery.model import Current
from services.delivery.policy import overtaken, wait, wanted
from services.runtime.configfile import ConfigError
from tests.support.changes import changed, next_attempt

SINK: TypeAdapter[Sink] = TypeAdapter(Sink)


def sink(kind: str, **more: Any) -> Sink:
    fixed: dict[str, dict[str, Any]] = {
        "webhook": {"url": "https://x.example/in", "secret": "HOOK"},
        "slack": {"token": "BOT", "signing_secret": "SIGNING", "channel": "#leads"},
        "incoming": {"secret": "SLACK_URL"},
        "email": {"host": "smtp.example", "sender": "leads@x.example"},
    }
    name = "slack" if kind == "incoming" else kind
    return SINK.validate_python({"type": name, **fixed[kind], **more})


def test_a_webhook_is_told_of_every_change_a_rep_of_what_is_theirs() -> None:
    told = {
        kind: {one.value for one in AssignmentStatus if wanted(sink(kind), changed(one))}
        for kind in ("webhook", "email", "slack")
    }
    assert told["webhook"] == {one.value for one in AssignmentStatus}
    assert told["email"] == {"assigned", "reassigned", "escalated", "re_engaged"}
    assert told["slack"] == told["email"] | {"accepted", "rejected", "expired", "closed"}


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ({"tiers": ["hot"]}, True),
        ({"tiers": ["warm"]}, False),
        ({"pools": ["sdr_midmarket"]}, True),
        ({"pools": ["other"]}, False),
        ({"lanes": ["bulk"]}, False),
        ({"motions": ["inbound"], "roles": ["sdr"]}, True),
        ({"statuses": ["accepted"]}, False),
    ],
)
def test_only_restricts(only: dict[str, Any], expected: bool) -> None:
    assert wanted(sink("webhook", only=only), changed()) is expected


def test_a_lead_that_moved_on_is_not_announced_to_the_rep_before() -> None:
    first = changed()
    second = next_attempt(first, "sam", "Sam")
    now = Current(first.lead_id, first.role, 2, second.assignment_id, "reassigned", True, "sam", "")
    assert overtaken(sink("email"), first, now) == "overtaken"
    assert overtaken(sink("email"), second, now) is None
    assert overtaken(sink("webhook"), first, now) is None, "webhooks tell the whole history"
    expired = changed(AssignmentStatus.EXPIRED, of=first)
    assert overtaken(sink("slack"), expired, now) is None, "the old message still has to change"


def test_an_accepted_lead_is_still_announced_a_closed_one_is_not() -> None:
    first = changed()

    def at(status: str, active: bool) -> Current:
        return Current(first.lead_id, first.role, 2, first.assignment_id, status, active, "r", "R")

    assert overtaken(sink("email"), first, at("accepted", True)) is None
    assert overtaken(sink("email"), first, at("closed", False)) == "overtaken"


def test_a_sink_is_tried_again_later_and_later_and_when_it_says() -> None:
    waits = [wait(sink("slack"), n, None, 0.0).total_seconds() for n in range(1, 30)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1, 600)
    assert wait(sink("webhook"), 2, None, 0.0) == timedelta(minutes=5)
    assert wait(sink("webhook"), 2, 7.0, 0.0) == timedelta(seconds=7)
    assert wait(sink("webhook"), 1, 10**9, 0.0) == timedelta(days=1)
    assert wait(sink("slack"), 1, None, 1.0) > wait(sink("slack"), 1, None, 0.0)


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("slack", {"secret": "URL"}, "either a token"),
        ("slack", {"signing_secret": None}, "signing_secret"),
        ("webhook", {"url": "http://x.example/in"}, "https"),
        ("webhook", {"url": "https://user:p@x.example"}, "no user"),
        ("webhook", {"allow_networks": ["10.0.0.0/99"]}, "10.0.0.0/99"),
        ("email", {"hots": "x"}, "hots"),
    ],
)
def test_a_wrong_sink_is_refused(kind: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        sink(kind, **more)


def test_faults_have_their_line_and_no_file_means_no_sinks() -> None:
    text = "sinks:\n  crm:\n    type: webhook\n    url: http://x.example\n    secret: X\n"
    with pytest.raises(ConfigError, match=r"delivery\.yaml:2 sinks\.crm: url must be https"):
        parse({"delivery.yaml": text})
    assert parse({}) == DeliveryFile()


def test_a_missing_secret_is_named_where_its_sink_is_on() -> None:
    config = DeliveryFile(sinks={"on": sink("slack"), "off": sink("webhook", enabled=False)})
    found = dict(missing_secrets(config, frozenset({"BOT"})))
    assert found == {("sinks", "on", "signing_secret"): "HANDRAISE_SECRET_SIGNING is not set"}
