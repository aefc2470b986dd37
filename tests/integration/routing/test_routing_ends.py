"""Every submission has exactly one end, and the event says which."""

from __future__ import annotations

from uuid import uuid4

import pytest

from schemas.assignment import AssignmentStatus
from schemas.base import KindName, Lane, TierName
from schemas.lead import Repeat
from schemas.topics import ASSIGNMENTS, ASSIGNMENTS_CURRENT
from schemas.topics import scored as scored_topic
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import record
from tests.integration.routing.leads import files, many, scored

NURTURE = "  - {id: not-yet, when: {tier: nurture}, nurture: true}"


async def test_a_stranger_is_assigned_and_the_event_is_complete(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}))
    event = scored(facts={"headcount": 500, "company_country": "DE"})
    (changed,) = await desk.route(event)
    assert changed.status is AssignmentStatus.ASSIGNED
    assert changed.submission_id == event.submission_id
    assert (changed.cycle, changed.attempt, changed.sequence) == (1, 1, 1)
    assert changed.rep is not None
    assert changed.rep.email == "ana@example.com"
    assert (changed.pool, changed.rule_path) == ("desk", "routing.yaml#/catch_all")
    assert changed.lead.email == "ann@acme.example"
    assert changed.reason == (
        "Demo request from a company of 500+ people in DE: no rule fired; "
        "Ana Test was next in pool desk (1 of 1 free)."
    )


async def test_both_topics_carry_the_same_event(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    event = scored()
    followed, latest = await desk.outputs([record(event, scored_topic(Lane.LIVE))], Lane.LIVE)
    assert (followed.topic, latest.topic) == (ASSIGNMENTS.name, ASSIGNMENTS_CURRENT.name)
    assert followed.value == latest.value
    assert dict(followed.headers)["ce_id"] == dict(latest.headers)["ce_id"]
    assert followed.key == b"acme.example"
    assert latest.key == str(event.lead.lead_id).encode()


async def test_a_redelivery_repeats_its_bytes_and_decides_nothing(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    one = record(scored(), scored_topic(Lane.LIVE))
    first = await desk.outputs([one], Lane.LIVE)
    await desk.route(scored(revision=2))
    again = await desk.outputs([one], Lane.LIVE)
    assert [(o.value, o.headers) for o in again] == [(o.value, o.headers) for o in first]
    assert sum(count for count, _ in (await desk.fairness()).values()) == 1


async def test_a_returning_hand_raise_is_re_engaged_with_the_same_owner(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files())
    (first,) = await desk.route(scored())
    (second,) = await desk.route(scored(revision=2))
    assert second.status is AssignmentStatus.RE_ENGAGED
    assert second.rep == first.rep
    assert second.assignment_id == first.assignment_id
    assert second.sequence == 2


@pytest.mark.parametrize(
    "more",
    [
        {"repeat": Repeat.DOUBLE_SUBMIT, "revision": 2},
        {"kind": KindName.NEWSLETTER, "revision": 2},
        {"revision": 1},
    ],
    ids=["double submit", "no hand-raise", "stale revision"],
)
async def test_merged_is_the_unchanged_status_under_the_next_sequence(
    open_desk: OpenDesk, more: dict[str, object]
) -> None:
    desk = await open_desk(files())
    (first,) = await desk.route(scored())
    event = scored(**more)  # type: ignore[arg-type]
    (merged,) = await desk.route(event)
    assert merged.status is AssignmentStatus.ASSIGNED
    assert merged.submission_id == event.submission_id
    assert (merged.sequence, merged.assignment_id) == (2, first.assignment_id)
    assert desk.metrics.submissions.labels("website", "merged")._value.get() == 1


async def test_nurture_moves_up_but_never_down(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(rules=NURTURE))
    (first,) = await desk.route(scored(tier=TierName.NURTURE))
    assert (first.status, first.rep) == (AssignmentStatus.NURTURED, None)
    (same,) = await desk.route(scored(tier=TierName.NURTURE, revision=2))
    assert (same.status, same.sequence) == (AssignmentStatus.NURTURED, 2)
    (up,) = await desk.route(scored(revision=3))
    assert up.status is AssignmentStatus.ASSIGNED
    assert up.assignment_id == first.assignment_id
    (stays,) = await desk.route(scored(tier=TierName.NURTURE, revision=4, kind=KindName.WEBINAR))
    assert stays.status is AssignmentStatus.ASSIGNED


async def test_a_late_score_is_kept_and_is_no_end(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(rules=NURTURE))
    early = scored("x@x.example", revision=2, late=True)
    assert await desk.route(early) == []
    (first,) = await desk.route(scored("x@x.example", tier=TierName.NURTURE, submission_id=uuid4()))
    assert first.status is AssignmentStatus.ASSIGNED, "decided with the newest score known"
    assert first.tier is TierName.HOT
    (nurtured,) = await desk.route(scored(tier=TierName.NURTURE))
    (up,) = await desk.route(scored(revision=2, late=True, submission_id=nurtured.submission_id))
    assert up.status is AssignmentStatus.ASSIGNED
    assert await desk.route(scored(revision=3, late=True)) == []
    ends = await desk.fetch("select ended from routing.history where ended is not null")
    assert sorted(row["ended"] for row in ends) == ["assigned", "nurtured"]


async def test_one_end_for_each_of_a_mixed_batch(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(rules=NURTURE))
    events = [
        *many(20),
        *many(20, tier=TierName.NURTURE, prefix="n"),
        *[scored(f"p{n}@p{n}.example", revision=2) for n in range(20)],
        *[scored(f"n{n}@n{n}.example", revision=2) for n in range(20)],
    ]
    changed = await desk.route(*events)
    assert [one.submission_id for one in changed] == [one.submission_id for one in events]
    rows = await desk.fetch(
        "select ended, count(*)::int as n from routing.history group by ended order by ended"
    )
    assert {row["ended"]: row["n"] for row in rows} == {
        "assigned": 40, "merged": 20, "nurtured": 20,
    }  # fmt: skip
