"""What a message says of its deadline is what the clock that starts by it will do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.base import TierName
from services.delivery.answering import Answering
from services.kernel.answering import Hours
from services.response.clocks import assigned
from services.response.config import parse
from services.response.model import TAKING, Kind, Lead, Phase
from services.response.terms import Terms
from tests.support.changes import changed

CALENDARS = """
calendars:
  day: {hours: {weekdays: "09:00-17:00"}, holidays: {country: DE}}
  early: {hours: {weekdays: "06:00-12:00"}, time_zone: Europe/Berlin}
  never: {hours: {}}
"""
TEAMS = """
reps:
  - {id: ana, name: Ana, email: ana@x.example, role: sdr, time_zone: Europe/Berlin,
     calendar: day}
  - {id: noa, name: Noa, email: noa@x.example, role: sdr, time_zone: Pacific/Auckland,
     calendar: day}
pools:
  - {id: desk, role: sdr, members: [ana, noa]}
"""
RESPONSE = """
time: %(time)s
no_common_hours: %(never)s
at_opening: {hot_at_once: %(at_once)s}
tiers:
  hot: {reminder: 3m, breach: 5m, escalation: 12m}
  warm: {breach: 4h}
  nurture: {}
teams: {desk: {calendar: %(calendar)s, time_zone: Europe/Berlin}}
"""
MOMENTS = st.timedeltas(timedelta(), timedelta(days=700)).map(
    lambda since: datetime(2026, 1, 1, tzinfo=UTC) + since
)
RULES = st.fixed_dictionaries(
    {
        "time": st.sampled_from(["team_and_person", "team", "person", "wall_clock"]),
        "never": st.sampled_from(["wall_clock", "person", "team", "now"]),
        "at_once": st.sampled_from(["2", "null"]),
        "calendar": st.sampled_from(["day", "early", "never"]),
    }
)
HEARD = st.sampled_from([None, Hours("early", "America/New_York"), Hours("day", "Asia/Kolkata")])


def _event(before: AssignmentChanged | None, at: datetime, **fields: Any) -> AssignmentChanged:
    event = changed(of=before, decided_at=at, pool="desk", **fields)
    assert event.rep is not None
    rep = event.rep.model_copy(update={"id": fields.pop("who", "ana")})
    return event.model_copy(update={"rep": rep})


def _clocks(lead: Lead | None, event: AssignmentChanged, now: datetime, terms: Terms) -> Any:
    change = assigned(lead, event, now, terms)
    assert change is not None
    return change


@given(
    rules=RULES, at=MOMENTS, heard=HEARD, scale=st.sampled_from([1.0, 60.0]),
    tier=st.sampled_from(list(TierName)), ahead=st.sampled_from([-2.0, 0.0, 500.0]),
    again=st.sampled_from([None, AssignmentStatus.REASSIGNED, AssignmentStatus.ESCALATED]),
    after=st.timedeltas(timedelta(seconds=1), timedelta(hours=20)),
)  # fmt: skip
def test_the_deadline_is_that_of_the_clock(
    rules: dict[str, str],
    at: datetime,
    heard: Hours | None,
    scale: float,
    tier: TierName,
    ahead: float,
    again: AssignmentStatus | None,
    after: timedelta,
) -> None:
    files = {
        "response.yaml": RESPONSE % rules, "teams.yaml": TEAMS, "calendars.yaml": CALENDARS,
    }  # fmt: skip
    people = {} if heard is None else {"ana": heard}
    terms = Terms(parse(files), "v1", people, scale)
    answering = Answering(Answering.read(files).rules, scale)
    received = at - timedelta(seconds=2)
    decided = at + timedelta(seconds=ahead)
    event = _event(None, decided, received_at=received, tier=tier, attempt=1)
    change = _clocks(None, event, at, terms)
    if again is not None:
        at += after / scale
        event = _event(
            event, at, received_at=event.received_at, tier=tier, attempt=2, status=again,
            assignment_id=uuid4(), submission_id=event.submission_id,
        )  # fmt: skip
        change = _clocks(change.lead, event, at, terms)
    clocks = {one.kind: one.due_at for one in change.start}
    told = answering.deadline(event, heard, at)
    if told is None:
        due = clocks.get(Kind.BREACH)
        assert change.lead.phase is not Phase.QUEUED or tier is not TierName.HOT
        assert due is None or due <= change.lead.given_at
    elif change.lead.phase is Phase.QUEUED:
        assert told.opens_at == change.lead.opens_at
        assert "Your clock starts at" in str(told) or "of working time" in str(told)
    else:
        assert told.until == clocks[Kind.BREACH]
        if told.sure:
            assert told.until == min(due for kind, due in clocks.items() if kind in TAKING)
        assert str(told).endswith(".")
        assert ("at the latest" in str(told)) is not told.sure
