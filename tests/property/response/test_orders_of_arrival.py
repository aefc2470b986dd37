"""Assignments and touches come by two topics: which is read first changes nothing.

What happens to a lead is made up in its true order, each thing told at once. Then it is read with
the touches early: before the assignments that they are about.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import AssignmentChanged, AssignmentStatus
from services.response.config import parse
from services.response.handlers import Ledger, apply, follow
from services.response.terms import Terms
from tests.support.assignments import LeadLife

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
FILES = {
    "response.yaml": "time: wall_clock\ntiers: {hot: {reminder: 3m, breach: 5m, acceptance: 4m}}\n",
    "teams.yaml": """
reps: [{id: ana, name: Ana, email: a@x.example, role: sdr, time_zone: UTC, calendar: always}]
pools: [{id: desk, role: sdr, members: [ana]}]
""",
    "calendars.yaml": 'calendars: {always: {hours: {every_day: "00:00-24:00"}}}',
}
TERMS = Terms(parse(FILES), "v1", {})
KINDS = ("given", "again", "held", "accepted", "touch", "named_touch", "sales_accepted")
Told = AssignmentChanged | ActivityRecorded


def _story(kinds: list[str], minutes: list[int]) -> list[Told]:
    """Each thing some minutes after the one before."""
    life, at, told = LeadLife(received_at=START), START, []
    told.append(life.given("rep0", decided_at=at))
    for number, (kind, after) in enumerate(zip(kinds, minutes, strict=False)):
        at += timedelta(minutes=after)
        match kind:
            case "given":
                event: Told = life.given(f"rep{number}", AssignmentStatus.REASSIGNED, decided_at=at)
            case "held":
                event = life.held().model_copy(update={"decided_at": at})
            case "accepted":
                event = life.accepted(decided_at=at)
            case "again":
                life.submission_id, life.received_at = uuid4(), at
                event = life.event(AssignmentStatus.RE_ENGAGED, decided_at=at)
            case _:
                event = _activity(life, kind, at)
        told.append(event)
    return told


def _activity(life: LeadLife, kind: str, at: datetime) -> ActivityRecorded:
    names: dict[str, Any] = {"lead_id": life.lead_id}
    if kind == "named_touch":
        names["assignment_id"] = life.assignment_id
    name = ActivityName.SALES_ACCEPTED if kind == "sales_accepted" else ActivityName.CALL_CONNECTED
    return ActivityRecorded(
        activity=name, occurred_at=at, received_at=at, actor=Actor.HUMAN, rep_id=life.rep, **names
    )


def _read(told: list[Told]) -> Ledger:
    """As the stages do, one record at a time."""
    ledger, now = Ledger({}), START + timedelta(days=2)
    kept: list[ActivityRecorded] = []
    for event in told:
        if isinstance(event, AssignmentChanged):
            follow(ledger, event, kept, now, TERMS)
        else:
            kept.append(event)
            apply(ledger, event.lead_id, event, now)  # type: ignore[arg-type]
    return ledger


def _stands(ledger: Ledger) -> dict[str, Any]:
    [change] = ledger.changes
    running = {one.kind: one.due_at for one in change.start if one.kind.value != "measure"}
    lead = change.lead
    accepted = lead.accepted_at if lead.rep_id is not None else None
    return {"phase": lead.phase, "accepted": accepted, "clocks": running, "rep": lead.rep_id}


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=8),
    st.lists(st.integers(2, 200), min_size=8, max_size=8),
    st.lists(st.integers(0, 8), min_size=8, max_size=8),
)
def test_a_touch_that_is_read_early_counts_as_if_it_were_read_in_its_turn(
    kinds: list[str], minutes: list[int], early: list[int]
) -> None:
    told = _story(kinds, minutes)
    # Both topics keep their own order; each touch is read up to so many assignments early.
    read: list[Told] = []
    for place, event in enumerate(told):
        back = early[place % len(early)] if isinstance(event, ActivityRecorded) else 0
        at = len(read)
        while back and at > 1 and isinstance(read[at - 1], AssignmentChanged):
            at, back = at - 1, back - 1
        read.insert(at, event)
    assert _stands(_read(read)) == _stands(_read(told))
