"""Two leads of one person become one, on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import cast
from uuid import UUID

import asyncpg
import pytest

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import AssignmentChanged, AssignmentStatus, RequestAction
from schemas.base import KindName
from services.routing import http_story, merge_http
from services.routing.answer import Request
from services.routing.life import Refused
from services.routing.merging import Asked, Merging, NotMerged, UnknownLead
from services.routing.review.books import recorded_traffic
from services.routing.review.compare import with_record
from services.routing.review.simulation import simulate
from services.routing.store import history
from services.runtime.apikeys import Scope
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk, read
from tests.integration.routing.leads import MONDAY_NINE, files, lead_id, scored
from tests.integration.routing.web import served

ANN, OLD = "ann@acme.example", "ann@old.example"
A, B = lead_id(ANN), lead_id(OLD)


def merging(desk: Desk) -> Merging:
    return Merging(desk.pool, desk.outbox, desk.config, desk.clock, desk.metrics)


async def merged(desk: Desk, survivor: UUID = A, other: UUID = B) -> list[AssignmentChanged]:
    """The events that a merge publishes."""
    before = len(desk.published)
    await merging(desk).run(Asked(survivor, other, "maya", "same person"))
    return read(desk.published[before:])


async def active(desk: Desk) -> dict[UUID, str]:
    rows = await desk.fetch(
        "select lead_id, rep_id from routing.attempts"
        " where status in ('assigned', 'reassigned', 'accepted', 'escalated')"
    )
    return {row["lead_id"]: row["rep_id"] for row in rows}


async def test_the_survivor_keeps_its_owner_who_hears_of_it(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    mine, theirs = await desk.route(scored(ANN), scored(OLD))
    assert mine.rep is not None
    assert theirs.rep is not None
    before = await desk.fairness()
    over, told = await merged(desk)
    assert (over.lead_id, over.status, over.merged_into) == (B, AssignmentStatus.CLOSED, A)
    assert "maya (same person)" in over.reason
    assert (told.lead_id, told.status) == (A, AssignmentStatus.RE_ENGAGED)
    assert await active(desk) == {A: mine.rep.id}
    after = await desk.fairness()
    assert before[theirs.rep.id][0] - after[theirs.rep.id][0] == 1, "one person costs one turn"
    assert await merged(desk) == [], "repeated, it changes nothing"


async def test_without_an_owner_the_survivor_gets_the_others(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    (mine,) = await desk.route(scored(ANN))
    await desk.act(mine.assignment_id, "release", "ops")
    (theirs,) = await desk.route(scored(OLD))
    assert theirs.rep is not None
    await desk.act(theirs.assignment_id, "accept", theirs.rep.id)
    turns = await desk.fairness()
    over, has = await merged(desk)
    assert over.status is AssignmentStatus.CLOSED
    assert (has.lead_id, has.status, has.cycle) == (A, AssignmentStatus.ACCEPTED, 2)
    assert await active(desk) == {A: theirs.rep.id}
    assert await desk.fairness() == turns


async def test_a_held_survivor_goes_to_who_has_the_other(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    (theirs,) = await desk.route(scored(OLD))
    await desk.paused("ana", "ben")
    (held,) = await desk.route(scored(ANN))
    assert held.status is AssignmentStatus.HELD
    _, has = await merged(desk)
    assert theirs.rep is not None
    assert has.assignment_id == held.assignment_id
    assert await active(desk) == {A: theirs.rep.id}
    await desk.paused()
    assert await desk.drained() == []


async def test_what_was_on_its_way_ends_with_the_survivor(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    (mine,) = await desk.route(scored(ANN))
    await desk.route(scored(OLD))
    await merged(desk)
    again, third = await desk.route(scored(OLD, revision=2), scored("cy@third.example"))
    assert (again.lead_id, again.status) == (A, AssignmentStatus.RE_ENGAGED)
    assert again.assignment_id == mine.assignment_id
    # Merged once more: the chain has no length.
    await merged(desk, third.lead_id, A)
    (last,) = await desk.route(scored(OLD, revision=3))
    assert last.lead_id == third.lead_id
    assert set(await active(desk)) == {third.lead_id}


async def test_what_happens_to_the_other_happens_to_the_survivor(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.route(scored(ANN), scored(OLD))
    await merged(desk)
    (won,) = await desk.happens(
        ActivityRecorded(
            activity=ActivityName.LOST,
            actor=Actor.HUMAN,
            lead_id=B,
            occurred_at=desk.now,
            received_at=desk.now,
            source="crm",
        )
    )
    assert (won.lead_id, won.status) == (A, AssignmentStatus.CLOSED)


async def test_a_rehearsal_changes_nothing_and_nonsense_is_refused(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.route(scored(ANN), scored(OLD))
    before = await active(desk)
    told = await merging(desk).run(Asked(A, B, "maya", dry_run=True))
    assert [one["status"] for one in told["changes"]] == ["closed", "re_engaged"]
    assert await active(desk) == before
    with pytest.raises(NotMerged):
        await merging(desk).run(Asked(A, A, "maya"))
    with pytest.raises(UnknownLead):
        await merging(desk).run(Asked(A, lead_id("nobody@x.example"), "maya"))
    await merged(desk)
    with pytest.raises(NotMerged):
        await merging(desk).run(Asked(B, A, "maya"))


async def test_two_at_once_and_a_submission_leave_one_owner(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.route(scored(ANN), scored(OLD))
    asked, on_its_way = Asked(A, B, "maya"), scored(OLD, revision=2)

    async def routed() -> None:
        """As the stage runner does: what Postgres aborts is tried again."""
        try:
            await desk.route(on_its_way)
        except asyncpg.DeadlockDetectedError:
            await desk.route(on_its_way)

    await asyncio.gather(merging(desk).run(asked), merging(desk).run(asked), routed())
    assert set(await active(desk)) == {A}
    (count,) = await desk.fetch(
        "select count(*) from routing.history where lead_id = $1 and status = 'closed'", B
    )
    assert count["count"] == 1


async def test_who_waits_as_the_other_waits_on_as_the_survivor(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    (mine,) = await desk.route(scored(ANN))
    await desk.act(mine.assignment_id, "release", "ops")
    desk.later(minutes=1)
    await desk.paused("ana", "ben")
    (theirs,) = await desk.route(scored(OLD, at=desk.now))
    assert theirs.status is AssignmentStatus.HELD
    desk.later(minutes=10)
    over, waits = await merged(desk)
    assert (over.lead_id, over.status) == (B, AssignmentStatus.CLOSED)
    assert (waits.lead_id, waits.status, waits.cycle) == (A, AssignmentStatus.HELD, 2)
    await desk.paused()
    (given,) = await desk.drained()
    assert (given.lead_id, given.status) == (A, AssignmentStatus.ASSIGNED)
    assert given.submission_id == theirs.submission_id
    async with desk.pool.acquire() as connection:
        period = MONDAY_NINE - timedelta(days=1), desk.now + timedelta(seconds=1)
        traffic = await recorded_traffic(cast(asyncpg.Connection, connection), *period)
    pairs = with_record(simulate(desk.config.current.value, "same", traffic))
    assert [pair.moved for pair in pairs] == [False, False]


async def test_of_two_who_wait_the_survivor_has_waited_since_the_first_came(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files({"ana": 1}))
    await desk.paused("ana")
    waiting = []
    for who in (OLD, "cy@third.example", ANN):
        waiting += await desk.route(scored(who, at=desk.now))
        desk.later(minutes=5)
    assert {one.status for one in waiting} == {AssignmentStatus.HELD}
    over, waits = await merged(desk)
    assert (over.lead_id, over.status) == (B, AssignmentStatus.CLOSED)
    assert (waits.assignment_id, waits.status) == (waiting[2].assignment_id, AssignmentStatus.HELD)
    assert (waits.submission_id, waits.received_at) == (
        waiting[2].submission_id,
        waiting[0].received_at,
    )
    await desk.paused()
    given = await desk.drained()
    assert [one.lead_id for one in given] == [A, waiting[1].lead_id]
    assert await desk.drained() == []


async def test_a_nurtured_survivor_takes_the_place_of_who_waits(open_desk: OpenDesk) -> None:
    rule = "  - {id: not-yet, when: {kind: newsletter}, nurture: true}"
    desk = await open_desk(files({"ana": 1}, rules=rule))
    await desk.paused("ana")
    for who in (OLD, "cy@third.example"):
        await desk.route(scored(who, at=desk.now))
        desk.later(minutes=5)
    (mine,) = await desk.route(scored(ANN, kind=KindName.NEWSLETTER, at=desk.now))
    assert mine.status is AssignmentStatus.NURTURED
    _, waits = await merged(desk)
    assert (waits.assignment_id, waits.status) == (mine.assignment_id, AssignmentStatus.HELD)
    await desk.paused()
    assert (await desk.drained())[0].lead_id == A


async def test_a_survivor_who_came_first_keeps_its_place(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}))
    await desk.paused("ana")
    for who in (ANN, "cy@third.example", OLD):
        await desk.route(scored(who, at=desk.now))
        desk.later(minutes=5)
    (over,) = await merged(desk)
    assert (over.lead_id, over.status) == (B, AssignmentStatus.CLOSED)
    await desk.paused()
    assert (await desk.drained())[0].lead_id == A


async def test_who_claimed_the_other_has_the_survivor(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, pool_options=", pull: {within: 30m}"))
    mine, theirs = await desk.route(scored(ANN), scored(OLD))
    assert {mine.status, theirs.status} == {AssignmentStatus.HELD}
    claim = Request(RequestAction.ACCEPT, "ben", claim=True)
    await desk.requests.now(theirs.assignment_id, claim)
    turns = await desk.fairness()
    _, has = await merged(desk)
    assert (has.assignment_id, has.status) == (mine.assignment_id, AssignmentStatus.ACCEPTED)
    assert await active(desk) == {A: "ben"}
    assert await desk.fairness() == turns
    late = await desk.requests.now(mine.assignment_id, replace(claim, rep_id="ana"))
    assert late is not None
    assert isinstance(late.answered.verdict, Refused), "nothing is offered any more"


async def test_what_is_offered_of_both_is_offered_once(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, pool_options=", pull: {within: 30m}"))
    mine, _ = await desk.route(scored(ANN), scored(OLD))
    (over,) = await merged(desk)
    assert over.lead_id == B
    offered = await desk.fetch("select lead_id from routing.attempts where status = 'held'")
    assert [row["lead_id"] for row in offered] == [mine.lead_id]


async def test_what_was_no_lead_is_merged_and_stays_none(open_desk: OpenDesk) -> None:
    options = "diversions: {support: help@example.com}"
    desk = await open_desk(files({"ana": 1, "ben": 1}, routing=options))
    mine, theirs = await desk.route(scored(ANN), scored(OLD))
    assert mine.rep is not None
    divert = Request(RequestAction.RELEASE, "ops", divert="support")
    await desk.requests.now(theirs.assignment_id, divert)
    (over,) = await merged(desk)
    assert (over.merged_into, over.diverted and over.diverted.to) == (A, "help@example.com")
    assert await active(desk) == {A: mine.rep.id}
    (again,) = await desk.route(scored(OLD, revision=2))
    assert (again.lead_id, again.status) == (A, AssignmentStatus.RE_ENGAGED)


async def test_over_http_each_story_says_which_lead_stands_for_it(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    _, _, third = await desk.route(scored(ANN), scored(OLD), scored("cy@third.example"))
    routes = merge_http.router(merging(desk))
    story = http_story.router(partial(history.of_lead, desk.pool))
    scopes = {Scope.ASSIGNMENTS_ACT, Scope.DECISIONS_READ}
    async with served(desk, routes, story, scopes=scopes) as web:
        asked = {"lead_id": str(B), "by": "maya", "reason": "same person"}
        narrow = await web.post(f"/v1/leads/{A}/merge", json=asked, headers=web.narrow)
        assert narrow.status_code == 403
        assert (await web.post(f"/v1/leads/{A}/merge", json=asked)).status_code == 200
        told = (await web.get(f"/v1/leads/{B}/decision")).json()
        assert told["merged_into"] == str(A)
        asked["lead_id"] = str(A)
        await web.post(f"/v1/leads/{third.lead_id}/merge", json=asked)
        for lead in (A, B):  # also of the one that was merged before
            told = (await web.get(f"/v1/leads/{lead}/decision")).json()
            assert told["merged_into"] == str(third.lead_id)
        told = (await web.get(f"/v1/leads/{third.lead_id}/decision")).json()
        assert told["merged_into"] is None


async def test_a_later_question_does_not_take_the_waiting_lead_out_of_sales(
    open_desk: OpenDesk,
) -> None:
    rule = "  - {id: help, when: {kind: chat}, divert: {kind: support, to: help@example.com}}"
    desk = await open_desk(files({"ana": 1}, rules=rule))
    await desk.paused("ana")
    (held,) = await desk.route(scored(ANN, at=desk.now))
    assert held.status is AssignmentStatus.HELD
    (asks,) = await desk.route(scored(ANN, revision=2, kind=KindName.CHAT, at=desk.now))
    assert asks.status is AssignmentStatus.HELD, "the demo is still wanted"
    await desk.paused()
    (given,) = await desk.drained()
    assert (given.assignment_id, given.status) == (held.assignment_id, AssignmentStatus.ASSIGNED)
