"""What sinks hear when a person is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.assignment import AssignmentChanged, LeadBlock
from schemas.erasure import LeadErased
from services.delivery.config import parse
from services.delivery.farewell import SAID, Told, farewells, without_person
from tests.support.examples import good

EVENT = AssignmentChanged.read(good("assignment.changed.v1", "assigned"))
ERASED = LeadErased(lead_id=EVENT.lead_id, erased_at=datetime(2026, 12, 1, tzinfo=UTC))
SINKS = """
sinks:
  chat: {type: slack, token: BOT, signing_secret: SIGNING}
  channel: {type: slack, secret: ADDRESS}
  hook: {type: webhook, url: "https://example.com/hook", secret: HOOK}
  mail: {type: email, host: mail.example.com, sender: leads@example.com}
  plan: {type: salesloft, token: PLAN, sequences: {nurture: 7}}
  off: {type: webhook, url: "https://example.com/off", secret: HOOK, enabled: false}
"""
CONFIG = parse({"delivery.yaml": SINKS})


def told(sink: str, place: str | None = None) -> Told:
    return Told(sink, EVENT, place)


def test_each_message_in_slack_is_replaced_and_each_endpoint_told_once() -> None:
    heard = [
        told("chat", "C1 100.1"),
        told("chat", "C1 100.1"),
        told("chat", "C1 200.2"),
        told("hook"),
        told("hook"),
    ]
    made = [(one.sink, one.place) for one in farewells(CONFIG, heard, ERASED)]
    assert made == [("chat", "C1 100.1"), ("chat", "C1 200.2"), ("hook", None)]


def test_a_plan_that_runs_is_stopped() -> None:
    [one] = farewells(CONFIG, [told("plan", "12"), told("plan")], ERASED)
    assert (one.sink, one.place) == ("plan", "12")


def test_what_cannot_be_changed_or_is_not_there_is_left() -> None:
    heard = [told("chat"), told("channel"), told("mail"), told("off"), told("unknown")]
    assert list(farewells(CONFIG, heard, ERASED)) == []


def test_told_again_it_is_the_same_delivery() -> None:
    first, again = (list(farewells(CONFIG, [told("hook")], ERASED)) for _ in range(2))
    assert first == again


def test_nothing_is_said_of_the_person() -> None:
    left = without_person(EVENT, ERASED)
    assert left.lead == LeadBlock()
    assert (left.reason, left.account_key) == (SAID, str(EVENT.lead_id))
    assert EVENT.lead.email
    assert EVENT.lead.email not in left.encode().decode()
    assert AssignmentChanged.read(left.encode()) == left
