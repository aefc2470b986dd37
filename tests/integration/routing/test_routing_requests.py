"""Accept, reject, reassign, escalate, release: by compare-and-set, from the bus and over HTTP."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from schemas.assignment import AssignmentRequested, AssignmentStatus, RequestAction
from services.routing.answer import Request
from services.routing.http import Ask, router
from services.routing.requests import Outcome
from services.routing.staff import Author
from services.routing.store import history
from services.runtime.apikeys import KeyRing, Scope, create
from services.runtime.http import create_app
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk, read
from tests.integration.routing.leads import MONDAY_NINE, files, many, scored

S = AssignmentStatus


def requested(assignment_id: UUID, action: RequestAction, **fields: Any) -> AssignmentRequested:
    values = {"requested_at": MONDAY_NINE, "assignment_id": assignment_id, "action": action}
    return AssignmentRequested(**{**values, **fields})


async def test_a_reject_writes_two_rows_and_gives_the_turn_back(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    event = scored()
    (first,) = await desk.route(event)
    assert first.rep is not None
    over, anew = await desk.ask(
        requested(first.assignment_id, RequestAction.REJECT, rep_id=first.rep.id, reason="no fit")
    )
    assert (over.status, over.sequence, over.assignment_id) == (S.REJECTED, 2, first.assignment_id)
    assert "(no fit)" in over.reason
    assert (anew.status, anew.sequence, anew.attempt) == (S.REASSIGNED, 3, 2)
    assert anew.previous_rep_id == first.rep.id
    assert anew.rep is not None
    assert anew.rep.id != first.rep.id
    assert over.submission_id == anew.submission_id == event.submission_id
    counts = await desk.fairness()
    assert counts[first.rep.id][0] == 0
    assert counts[anew.rep.id] == (1, 0.0), "alone eligible, it was entitled to all of it"


@pytest.mark.parametrize("together", [False, True])
async def test_turns_are_given_back_only_so_often_a_day(
    open_desk: OpenDesk, together: bool
) -> None:
    desk = await open_desk(
        files({"ana": 1, "ben": 1}, routing="attempts: {turns_returned_per_day: 2}")
    )
    changed = await desk.route(*many(8))
    anas = [one for one in changed if one.rep and one.rep.id == "ana"]
    asked = [requested(one.assignment_id, RequestAction.REJECT, rep_id="ana") for one in anas]
    for some in [asked] if together else [[one] for one in asked]:
        await desk.ask(*some)
    assert len(anas) == 4
    assert (await desk.fairness())["ana"][0] == 2


async def test_past_owners_are_excluded_until_the_manager_gets_it(open_desk: OpenDesk) -> None:
    maya = (
        "  - {id: maya, name: Maya Test, email: maya@example.com, role: sdr,"
        " time_zone: UTC, calendar: always}"
    )
    desk = await open_desk(files({"ana": 1, "ben": 1}, reps=maya, routing="managers: {desk: maya}"))
    (one,) = await desk.route(scored())
    had = []
    for _ in range(2):
        assert one.rep is not None
        had.append(one.rep.id)
        _, one = await desk.ask(
            requested(one.assignment_id, RequestAction.REJECT, rep_id=one.rep.id)
        )
    assert sorted(had) == ["ana", "ben"]
    assert (one.status, one.attempt) == (S.ESCALATED, 3)
    assert one.rep is not None
    assert one.rep.id == "maya"


async def test_a_manager_who_left_by_command_gets_nothing_either(open_desk: OpenDesk) -> None:
    maya = (
        "  - {id: maya, name: Maya Test, email: maya@example.com, role: sdr,"
        " time_zone: UTC, calendar: always}"
    )
    desk = await open_desk(files({"ana": 1, "ben": 1}, reps=maya, routing="managers: {desk: maya}"))
    await desk.staff.offboarding.run(Author("sam", "left"), "maya")
    (one,) = await desk.route(scored())
    _, given = await desk.ask(requested(one.assignment_id, RequestAction.ESCALATE))
    assert one.rep is not None
    assert given.rep is not None
    assert {one.rep.id, given.rep.id} == {"ana", "ben"}


async def test_who_waits_for_somebody_free_can_be_given_to_the_manager(
    open_desk: OpenDesk,
) -> None:
    maya = (
        "  - {id: maya, name: Maya Test, email: maya@example.com, role: sdr,"
        " time_zone: UTC, calendar: always}"
    )
    desk = await open_desk(
        files({"ana": 1}, reps=maya, calendar="office", routing="managers: {desk: maya}")
    )
    desk.later(hours=12)
    (held,) = await desk.route(scored())
    assert held.status is S.HELD
    over, given = await desk.ask(requested(held.assignment_id, RequestAction.ESCALATE))
    assert (over.status, over.rep) == (S.EXPIRED, None)
    assert (given.status, given.rep and given.rep.id) == (S.ESCALATED, "maya")
    desk.later(hours=12)
    assert await desk.drained() == []  # nothing is held any more


async def test_a_reject_at_night_is_held(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, calendar="office"))
    (one,) = await desk.route(scored())
    assert one.rep is not None
    desk.later(hours=10)
    over, held = await desk.ask(
        requested(one.assignment_id, RequestAction.REJECT, rep_id=one.rep.id)
    )
    assert (over.status, held.status, held.attempt) == (S.REJECTED, S.HELD, 2)
    desk.later(hours=14)
    (given,) = await desk.drained()
    assert given.assignment_id == held.assignment_id
    assert given.rep is not None
    assert given.rep.id != one.rep.id


async def test_a_breach_does_not_give_the_turn_back(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    (one,) = await desk.route(scored())
    over, anew = await desk.ask(requested(one.assignment_id, RequestAction.REASSIGN))
    assert (over.status, anew.status) == (S.EXPIRED, S.REASSIGNED)
    assert {count for count, _ in (await desk.fairness()).values()} == {1}


async def test_a_stale_request_is_answered_with_no_event(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    (one,) = await desk.route(scored())
    assert one.rep is not None
    assert (
        await desk.ask(
            requested(one.assignment_id, RequestAction.REASSIGN, expected_status=S.ACCEPTED),
            requested(uuid4(), RequestAction.RELEASE),
            requested(one.assignment_id, RequestAction.ACCEPT, rep_id="somebody"),
        )
        == []
    )
    (accepted,) = await desk.ask(
        requested(one.assignment_id, RequestAction.ACCEPT, rep_id=one.rep.id),
        requested(one.assignment_id, RequestAction.ACCEPT, rep_id=one.rep.id),
    )
    assert (accepted.status, accepted.sequence) == (S.ACCEPTED, 2)


async def test_after_a_release_the_next_submission_starts_a_new_cycle(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    (one,) = await desk.route(scored())
    (closed,) = await desk.ask(requested(one.assignment_id, RequestAction.RELEASE))
    assert closed.status is S.CLOSED
    (anew,) = await desk.route(scored(revision=2))
    assert (anew.status, anew.cycle, anew.attempt, anew.sequence) == (S.ASSIGNED, 2, 1, 3)
    assert anew.assignment_id != one.assignment_id


async def test_accept_and_reassign_at_once_leave_one_active_attempt(open_desk: OpenDesk) -> None:
    one, two = await open_desk(files()), await open_desk(files())
    changed = await one.route(*many(20))
    asks = []
    for event in changed:
        assert event.rep is not None
        asks.append(one.act(event.assignment_id, "accept", event.rep.id))
        asks.append(two.act(event.assignment_id, "reject", event.rep.id))
    await asyncio.gather(*asks)
    rows = await one.fetch(
        "select lead_id, count(*) filter (where status in"
        " ('assigned', 'reassigned', 'accepted', 'escalated'))::int as active"
        " from routing.attempts group by lead_id"
    )
    assert {row["active"] for row in rows} == {1}
    sequences = await one.fetch(
        "select lead_id, array_agg(sequence order by sequence) as seen"
        " from routing.story group by lead_id"
    )
    assert all(row["seen"] == list(range(1, len(row["seen"]) + 1)) for row in sequences)


# -- over HTTP ----------------------------------------------------------------------------------
class Client:
    """The service's routes with a key that may act."""

    def __init__(self, app: FastAPI, key: str) -> None:
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers)

    async def post(self, assignment_id: object, action: str, **body: str) -> httpx.Response:
        return await self.http.post(f"/v1/assignments/{assignment_id}/{action}", json=body)


async def client_of(desk: Desk, *scopes: Scope, ask: Ask | None = None) -> Client:
    keys = KeyRing()
    async with desk.pool.acquire() as connection:
        key = await create(connection, "test", set(scopes), actor="test")
    await keys.refresh(desk.pool)
    app = create_app("routing", metrics=desk.metrics, keys=keys)
    app.include_router(
        router(ask or desk.requests.now, partial(history.of_lead, desk.pool), desk.staff)
    )
    return Client(app, key)


async def test_accept_over_http(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    client = await client_of(desk, Scope.ASSIGNMENTS_ACT)
    (one,) = await desk.route(scored())
    assert one.rep is not None
    mine, other = one.rep.id, "ben" if one.rep.id == "ana" else "ana"
    unknown = await client.post(uuid4(), "accept", rep_id=mine)
    assert (unknown.status_code, unknown.headers["content-type"]) == (
        404, "application/problem+json",
    )  # fmt: skip
    assert (await client.post(one.assignment_id, "accept", rep_id=other)).status_code == 403
    first = await client.post(one.assignment_id, "accept", rep_id=mine)
    again = await client.post(one.assignment_id, "accept", rep_id=mine)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json()["status"] == "accepted"
    rejected = await client.post(one.assignment_id, "reject", rep_id=mine, reason="too small")
    assert (rejected.status_code, rejected.json()["status"]) == (200, "rejected")
    over = await client.post(one.assignment_id, "accept", rep_id=mine)
    assert over.status_code == 409
    assert over.json()["owner"] == other
    assert other in over.json()["detail"]
    events = [(e.status, e.sequence) for e in desk_events(desk)]
    assert events[-3:] == [(S.ACCEPTED, 2), (S.REJECTED, 3), (S.REASSIGNED, 4)]


async def test_correct_over_http_mends_the_turns_and_only_as_expected(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    client = await client_of(desk, Scope.ASSIGNMENTS_ACT)
    (one,) = await desk.route(scored())
    assert one.rep is not None
    wrong, right = one.rep.id, "ben" if one.rep.id == "ana" else "ana"
    asked = {"to": right, "by": "maya", "reason": "wrong rule", "expected_status": "accepted"}
    assert (await client.post(one.assignment_id, "correct", **asked)).status_code == 409
    asked["expected_status"] = "assigned"
    assert (await client.post(one.assignment_id, "correct", **asked)).status_code == 200
    again = await client.post(one.assignment_id, "correct", **asked)
    assert (again.status_code, again.json()["owner"]) == (409, right)
    counts = {rep: count for rep, (count, _) in (await desk.fairness()).items()}
    assert counts == {wrong: 0, right: 1}
    nobody = {**asked, "to": "nobody"}
    last = [event for event in desk_events(desk) if event.rep and event.rep.id == right][-1]
    assert (await client.post(last.assignment_id, "correct", **nobody)).status_code in (409, 422)


@pytest.mark.parametrize(("failures", "status"), [(2, 200), (3, 503)])
async def test_a_database_that_does_not_answer_is_asked_again(
    open_desk: OpenDesk, failures: int, status: int
) -> None:
    desk = await open_desk(files())
    (one,) = await desk.route(scored())
    assert one.rep is not None
    left = failures

    async def ask(assignment_id: UUID, request: Request) -> Outcome | None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise asyncpg.DeadlockDetectedError
        return await desk.requests.now(assignment_id, request)

    client = await client_of(desk, Scope.ASSIGNMENTS_ACT, ask=ask)
    answered = await client.post(one.assignment_id, "accept", rep_id=one.rep.id)
    assert answered.status_code == status


@pytest.mark.parametrize("scope", [Scope.LEADS_WRITE, Scope.DECISIONS_READ])
async def test_the_key_needs_its_scope(open_desk: OpenDesk, scope: Scope) -> None:
    desk = await open_desk(files())
    client = await client_of(desk, scope)
    assert (await client.post(uuid4(), "accept", rep_id="ana")).status_code == 403


def desk_events(desk: Desk) -> list[Any]:
    return read(desk.published)


async def test_a_correction_swaps_the_turns(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1, "cleo": 1}))
    (first,) = await desk.route(scored())
    assert first.rep is not None
    other = "cleo" if first.rep.id == "ana" else "ana"
    asked = requested(
        first.assignment_id, RequestAction.REASSIGN, rep_id="sam.ops", to_rep_id=other,
        correction=True, reason="her customer",
    )  # fmt: skip
    over, anew = await desk.ask(asked)
    assert (over.status, anew.status) == (S.EXPIRED, S.REASSIGNED)
    assert anew.rep is not None
    assert anew.rep.id == other
    assert "by hand" in anew.reason
    counts = await desk.fairness()
    assert (counts[first.rep.id], counts[other][0]) == ((0, 0.0), 1)
    assert await desk.ask(asked) == [], "the attempt is over"


async def test_nobody_gets_a_lead_by_hand_who_is_not_there(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}))
    (first,) = await desk.route(scored())
    asked = requested(first.assignment_id, RequestAction.REASSIGN, to_rep_id="nobody")
    assert await desk.ask(asked) == []


async def test_once_everybody_of_a_pool_had_it_all_but_the_last_may_have_it_again(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, routing="attempts: {most: 9}"))
    (now,) = await desk.route(scored())
    owners = [now.rep]
    for _ in range(5):
        _, now = await desk.ask(requested(now.assignment_id, RequestAction.REASSIGN))
        assert now.status is S.REASSIGNED
        owners.append(now.rep)
    names = [rep.id for rep in owners if rep is not None]
    assert names[0::2] == [names[0]] * 3
    assert names[1::2] == [names[1]] * 3
    assert names[0] != names[1]


async def test_who_is_alone_gets_it_back(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}, routing="attempts: {most: 9}"))
    (now,) = await desk.route(scored())
    for _ in range(3):
        _, now = await desk.ask(requested(now.assignment_id, RequestAction.REASSIGN))
        assert now.rep is not None
        assert (now.status, now.rep.id) == (S.REASSIGNED, "ana")
