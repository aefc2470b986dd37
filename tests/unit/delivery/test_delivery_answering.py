"""By when somebody must answer, as a rep is told it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.base import TierName
from services.delivery.answering import Answering
from services.delivery.brief import brief
from services.kernel.answering import Hours
from tests.support.changes import changed, due, next_attempt

FILES = {
    "response.yaml": """
tiers:
  hot: {reminder: 3m, breach: 5m, escalation: 15m}
  warm: {breach: 90m}
  nurture: {}
hops: 3
teams:
  day: {time: wall_clock}
  fast: {tiers: {hot: {breach: 1m}, warm: {reminder: 1h}}}
""",
    "teams.yaml": """
reps:
  - {id: ana, name: Ana, email: ana@x.example, role: sdr, time_zone: Europe/Berlin,
     calendar: office}
pools:
  - {id: day, role: sdr, members: [ana]}
  - {id: fast, role: sdr, members: [ana]}
  - {id: other, role: sdr, members: [ana]}
""",
    "calendars.yaml": 'calendars: {office: {hours: {weekdays: "09:00-18:00"}}}',
}
KNOWN = Answering.read(FILES)
MORNING = datetime(2026, 11, 23, 9, tzinfo=UTC)  # Monday, 10:00 in Berlin


def given(at: datetime = MORNING, **fields: Any) -> AssignmentChanged:
    event = changed(decided_at=at, received_at=at, attempt=1, **fields)
    assert event.rep is not None
    return event.model_copy(update={"rep": event.rep.model_copy(update={"id": "ana"})})


def said(event: AssignmentChanged, heard: Hours | None = None, known: Answering = KNOWN) -> str:
    found = known.deadline(event, heard, event.decided_at)
    return "" if found is None else str(found)


@pytest.mark.parametrize(
    ("tier", "pool", "at", "expected"),
    [
        ("hot", "other", MORNING, "Answer by 10:05 CET."),
        ("hot", "fast", MORNING, "Answer by 10:01:00 CET."),
        ("warm", "other", MORNING, "Answer by 11:30 CET."),
        ("warm", "fast", MORNING, ""),
        ("nurture", "day", MORNING, ""),
        # In the evening of Friday: business time waits for Monday, the wall clock does not.
        ("warm", "other", MORNING + timedelta(days=4, hours=9), "Answer by Mon 30 Nov, 10:30 CET."),
        ("hot", "day", MORNING + timedelta(days=4, hours=9), "Answer by 19:05 CET."),
        (
            "hot",
            "other",
            MORNING + timedelta(days=4, hours=9),
            "Your clock starts at Mon 30 Nov, 09:00 CET or later; then answer within 5 minutes.",
        ),
    ],
)
def test_by_when_a_tier_and_a_team_want_an_answer(
    tier: str, pool: str, at: datetime, expected: str
) -> None:
    assert said(given(at, tier=TierName(tier), pool=pool)) == expected


def test_the_hours_that_a_person_told_count_and_so_does_their_clock() -> None:
    hours = Hours("office", "Asia/Dubai")  # a zone without letters; it is 13:00 there
    assert said(given(tier=TierName.HOT, pool="other"), hours) == "Answer by 13:05 UTC+04."


def test_where_another_clock_may_end_first_it_is_said_so() -> None:
    first = given(tier=TierName.HOT, pool="other")
    second = next_attempt(first, "ana", "Ana").model_copy(
        update={"decided_at": MORNING + timedelta(minutes=5), "received_at": MORNING}
    )
    assert said(second) == "Answer by 10:10 CET."  # the escalation comes at 10:15, at the soonest
    third = second.model_copy(update={"decided_at": MORNING + timedelta(minutes=11)})
    assert said(third) == "Answer by 10:16 CET at the latest."
    manager = third.model_copy(update={"status": AssignmentStatus.ESCALATED})
    assert said(manager) == "Answer by 10:16 CET."
    again = first.model_copy(update={"status": AssignmentStatus.RE_ENGAGED})
    assert said(again) == "Answer by 10:05 CET at the latest."


def test_clocks_that_run_faster_are_told_by_the_second() -> None:
    fast = Answering(KNOWN.rules, scale=60)
    assert said(given(tier=TierName.HOT, pool="other"), known=fast) == "Answer by 10:00:05 CET."


@pytest.mark.parametrize(
    "changes",
    [
        {"response.yaml": "tiers: 7"},
        {"response.yaml": "{"},
        {"teams.yaml": ""},
        {"response.yaml": "tiers: {hot: {breach: 5m}}\nteams: {other: {calendar: nowhere}}"},
    ],
)
def test_where_nothing_is_known_nothing_is_said(changes: dict[str, str]) -> None:
    broken = Answering.read({**FILES, **changes})
    assert said(given(tier=TierName.HOT, pool="other"), known=broken) == ""
    assert said(given(tier=TierName.HOT, pool="other"), known=Answering.read({})) == ""


def test_the_first_message_says_by_when_and_a_reminder_says_it_itself() -> None:
    event = given(tier=TierName.HOT, pool="other")
    first = brief(event, colleagues=(), now=MORNING, answer=said(event)).text()
    assert "Answer by 10:05 CET." in first
    reminder = brief(event, colleagues=(), now=MORNING, answer=said(event), touch=due(event))
    assert "Answer by" not in reminder.text()
