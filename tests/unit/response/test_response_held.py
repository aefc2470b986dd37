"""When a lead that nobody can take reaches the manager: in whose hours the time for it counts."""

from __future__ import annotations

import pytest

from services.kernel.answering import Hours
from services.response.clocks import assigned
from services.response.config import parse
from services.response.model import Kind
from services.response.terms import Terms
from tests.support.assignments import LeadLife
from tests.unit.response.test_response_deadlines import CALENDARS, TEAMS, utc

STEPS = "tiers: {hot: {breach: 5m, escalation: 15m}}\n"
TEAM = STEPS + "teams: {desk: {calendar: early}}\n"


@pytest.mark.parametrize(
    ("rules", "heard", "at", "due"),
    [
        # Noa works in Auckland (UTC+13) from 20:00 UTC on, Ana in Berlin from 8:00 UTC on.
        (STEPS, {}, "2026-11-23T09:00", "2026-11-23T09:15"),
        (STEPS, {}, "2026-11-23T18:00", "2026-11-23T20:15"),  # between the two
        (STEPS, {}, "2026-11-27T20:00", "2026-11-29T20:15"),  # the weekend: Monday in Auckland
        (TEAM, {}, "2026-11-23T18:00", "2026-11-24T08:15"),  # the team's hours, shared with Ana
        (STEPS, {"noa": Hours("never", "UTC")}, "2026-11-23T18:00", "2026-11-24T08:15"),
        ("time: wall_clock\n" + STEPS, {}, "2026-11-28T03:00", "2026-11-28T03:15"),
    ],
)
def test_it_is_due_when_somebody_was_at_work_for_so_long(
    rules: str, heard: dict[str, Hours], at: str, due: str
) -> None:
    files = {"response.yaml": rules, "teams.yaml": TEAMS, "calendars.yaml": CALENDARS}
    terms = Terms(parse(files), "v1", heard)
    life = LeadLife(received_at=utc(at))
    held = life.held().model_copy(update={"decided_at": utc(at)})
    change = assigned(None, held, utc(at), terms)
    assert change is not None
    assert [one.due_at for one in change.start if one.kind is Kind.ESCALATION] == [utc(due)]


def test_no_escalation_is_no_clock() -> None:
    files = {
        "response.yaml": "tiers: {hot: {breach: 5m}}", "teams.yaml": TEAMS,
        "calendars.yaml": CALENDARS,
    }  # fmt: skip
    held = LeadLife().held()
    change = assigned(None, held, held.decided_at, Terms(parse(files), "v1", {}))
    assert change is not None
    assert [one.kind for one in change.start] == [Kind.MEASURE]
