"""What operators change about people holds in the next decision, is told, and can be looked up."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from schemas.people import PersonChanged
from schemas.topics import PEOPLE
from services.routing.staff import Author, RepFault, UnknownRep
from services.runtime.apikeys import Scope
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import MONDAY_NINE, files, many, scored
from tests.integration.routing.test_routing_requests import client_of

SAM = Author("sam.ops", "because")


def told(desk: Desk, rep: str) -> list[PersonChanged]:
    found = [PersonChanged.read(o.value) for o in desk.published if o.topic == PEOPLE.name]
    return [one for one in found if one.rep_id == rep]


async def given(desk: Desk, count: int = 4) -> dict[str, int]:
    """Who gets the next strangers."""
    start = len(await desk.fetch("select 1 from routing.leads"))
    changed = await desk.route(*many(count, prefix=f"n{start}x", at=desk.now))
    names = [one.rep.id for one in changed if one.rep is not None]
    return {name: names.count(name) for name in sorted(set(names))}


async def test_a_pause_holds_in_the_next_decision_and_ends_by_itself(open_desk: OpenDesk) -> None:
    desk, other = await open_desk(files({"ana": 1, "ben": 1})), await open_desk({})
    await desk.people.once()
    shown = await desk.staff.reps.pause(SAM, "ana", until=desk.now + timedelta(hours=2))
    assert (shown["available"], shown["away"]) == (False, "paused")
    assert shown["paused"]["origin"]["by"] == "sam.ops"
    assert await given(other) == {"ben": 4}
    (before, now) = told(desk, "ana")
    assert (before.paused, now.paused, now.changed_by) == (False, True, "sam.ops")
    assert now.paused_until == desk.now + timedelta(hours=2)
    desk.later(hours=2)
    other.later(hours=2)
    assert await given(other) == {"ana": 2, "ben": 2}, "who was away is not flooded"
    assert await desk.people.once() == 1
    assert told(desk, "ana")[-1].paused is False


async def test_after_the_answer_nobody_gets_a_lead(open_desk: OpenDesk) -> None:
    """A pause waits for the decisions in progress, in whatever process."""
    desk, other = await open_desk(files({"ana": 1, "ben": 1})), await open_desk({})

    async def busy() -> None:
        for turn in range(15):
            await other.route(*many(3, prefix=f"busy{turn}x"))

    work = asyncio.create_task(busy())
    await asyncio.sleep(0)
    await desk.staff.reps.pause(SAM, "ana")
    at = await desk.fetch("select count(*) from routing.attempts where rep_id = 'ana'")
    await work
    after = await desk.fetch("select count(*) from routing.attempts where rep_id = 'ana'")
    assert at == after


async def test_resume_and_caps_and_their_origin(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, rep_options=", caps: {day: 50}"))
    reps = desk.staff.reps
    await reps.pause(SAM, "ana")
    with pytest.raises(RepFault, match="neither paused"):
        await reps.resume(SAM, "ben")
    assert (await reps.resume(SAM, "ana"))["available"] is True
    shown = await reps.cap(SAM, "ana", {"day": 1})
    assert shown["caps"]["day"]["value"] == 1
    assert shown["caps"]["day"]["origin"]["from"] == "command"
    assert (await reps.one("ben"))["caps"]["day"]["origin"]["from"] == "config"
    assert await given(desk, 6) == {"ana": 1, "ben": 5}
    shown = await reps.uncap(SAM, "ana")
    assert shown["caps"]["day"]["value"] == 50
    assert [line["kind"] for line in shown["history"]] == ["cap", "pause"]
    assert all(line["superseded_by"] == "sam.ops" for line in shown["history"])


async def test_a_cap_by_command_counts_over_two_pools_at_once(open_desk: OpenDesk) -> None:
    """Nothing in the configuration bounds ana, so her leads are only counted since the command."""
    config = files(
        {"ana": 1},
        rules="  - {id: spare, when: {kind: webinar}, pool: spare}",
        pools="  - {id: spare, role: sdr, members: [ana]}",
    )
    desk, other = await open_desk(config), await open_desk({})
    await desk.staff.reps.cap(SAM, "ana", {"day": 3})
    batches = [
        one.route(*many(4, prefix=f"{number}k", kind=kind))
        for number, (one, kind) in enumerate(
            [(desk, "webinar"), (other, "demo_request"), (desk, "demo_request")]
        )
    ]
    changed = [one for batch in await asyncio.gather(*batches) for one in batch]
    assert sum(one.rep is not None for one in changed) == 3


async def test_leave_has_days_before_it_and_somebody_who_stands_in(open_desk: OpenDesk) -> None:
    config = files(
        {"ana": 3, "ben": 1},
        rep_options=", leave_buffer_days: 1",
        reps="  - {id: eve, name: Eve, email: eve@example.com, role: sdr, time_zone: UTC,"
        " calendar: always}",
    )
    desk = await open_desk(config)
    reps = desk.staff.reps
    shown = await reps.leave(SAM, "ana", date(2026, 11, 25), date(2026, 11, 26), backup="eve")
    (leave,) = shown["leave"]
    assert leave["no_new_leads_from"] == datetime(2026, 11, 24, tzinfo=UTC)
    assert await given(desk, 4) == {"ana": 3, "ben": 1}
    desk.later(days=1)
    assert await given(desk, 4) == {"ben": 4}, "the day before; nobody stands in yet"
    desk.later(days=1)
    assert await given(desk, 8) == {"ben": 2, "eve": 6}, "with ana's weight"
    await reps.cancel_leave(SAM, "ana", leave["change"])
    assert (await given(desk, 4))["ana"] == 3
    with pytest.raises(RepFault, match="no leave"):
        await reps.cancel_leave(SAM, "ana", leave["change"])


async def test_what_was_known_at_another_time_can_be_asked(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    reps, start = desk.staff.reps, desk.now
    desk.later(hours=1)
    await reps.pause(SAM, "ana", until=desk.now + timedelta(hours=4))
    desk.later(hours=1)
    await reps.resume(Author("kim"), "ana")
    during = start + timedelta(hours=1, minutes=30)
    assert (await reps.one("ana", during, known_at=start))["available"] is True
    assert (await reps.one("ana", during, known_at=during))["available"] is False
    assert (await reps.one("ana", during))["available"] is True, "taken back since"


async def test_the_trail_of_changes_cannot_be_rewritten(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.staff.reps.pause(SAM, "ana")
    for statement in (
        "update routing.rep_changes set by = 'nobody'",
        "delete from routing.rep_changes",
    ):
        with pytest.raises(asyncpg.RaiseError, match="audit trail"):
            await desk.pool.execute(statement)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda r: r.pause(SAM, "anna"), "did you mean"),
        (lambda r: r.pause(SAM, "ana", until=MONDAY_NINE), "in the future"),
        (lambda r: r.cap(SAM, "ana", {"day": 0}), "at least 1"),
        (lambda r: r.cap(SAM, "ana", {"day": 2**63}), "at most 1000000"),
        (lambda r: r.cap(SAM, "ana", {"month": 9}), "hour, day, week, open"),
        (lambda r: r.leave(SAM, "ana", date(2026, 12, 2), date(2026, 12, 1)), "before it starts"),
        (lambda r: r.leave(SAM, "ana", date(2026, 12, 1), date.max), "not active"),
        (lambda r: r.leave(SAM, "ana", date(2026, 12, 1), date(2026, 12, 1), "ana"), "own backup"),
        (lambda r: r.uncap(SAM, "ana"), "no command"),
    ],
)
async def test_what_makes_no_sense_is_refused(open_desk: OpenDesk, ask: Any, message: str) -> None:
    desk = await open_desk(files({"ana": 1}))
    with pytest.raises(RepFault, match=message):
        await ask(desk.staff.reps)
    assert await desk.fetch("select * from routing.rep_changes") == []


async def test_offboarding_is_rehearsed_then_moves_every_lead(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1, "cleo": 1}, routing="managers: {desk: ben}"))
    changed = await desk.route(*many(9))
    accepted = next(one for one in changed if one.rep and one.rep.id == "ana")
    await desk.act(accepted.assignment_id, "accept", "ana")
    dry = await desk.staff.offboarding.run(SAM, "ana", dry_run=True)
    assert (dry["moved"], sum(dry["receivers"].values()), dry["warnings"]) == (3, 3, [])
    assert (await desk.staff.reps.one("ana"))["available"] is True, "nothing happened"
    done = await desk.staff.offboarding.run(SAM, "ana", "cleo")
    assert (done["moved"], done["receivers"]) == (3, {"cleo": 3})
    assert await desk.staff.offboarding.run(SAM, "ana") | {"warnings": []} == {
        **done, "to": None, "moved": 0, "receivers": {}, "leads": [],
    }  # fmt: skip
    assert told(desk, "ana")[-1].active is False
    assert "ana" not in await given(desk, 6)
    with pytest.raises(RepFault, match="not active"):
        await desk.staff.offboarding.run(SAM, "ben", "ana")
    with pytest.raises(UnknownRep):
        await desk.staff.offboarding.run(SAM, "dora")
    assert (await desk.staff.reps.resume(SAM, "ana"))["available"] is True


async def test_offboarding_the_only_one_holds_the_leads_and_warns(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}))
    await desk.route(scored())
    done = await desk.staff.offboarding.run(SAM, "ana")
    assert (done["moved"], done["receivers"]) == (1, {"(held)": 1})
    assert done["warnings"] == ["pool desk has nobody else"]


async def test_people_over_http(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    client = await http_client(desk, Scope.REPS_ADMIN)
    listed = (await client.get("/v1/reps", params={"pool": "desk"})).json()["reps"]
    assert [one["id"] for one in listed] == ["ana", "ben"]
    paused = await client.post("/v1/reps/ana/pause", json={"reason": "training"})
    assert paused.json()["paused"]["origin"] | {"at": 0, "change": 0} == {
        "from": "command", "by": "test", "note": "training", "at": 0, "change": 0,
    }  # fmt: skip
    assert await given(desk) == {"ben": 4}
    capped = await client.post("/v1/reps/ben/cap", json={"day": 9, "open": None})
    assert {name: cap["value"] for name, cap in capped.json()["caps"].items()} == {
        "day": 9, "open": None,
    }  # fmt: skip
    away = {"from": "2026-12-01", "until": "2026-12-02", "backup": "ana"}
    leave = (await client.post("/v1/reps/ben/leave", json=away)).json()["leave"][0]
    gone = await client.delete(f"/v1/reps/ben/leave/{leave['change']}")
    assert gone.json()["leave"] == []
    assert (await client.post("/v1/reps/ana/resume", json={})).json()["available"] is True
    dry = await client.post("/v1/reps/ben/offboard", json={"to": "ana", "dry_run": True})
    assert (dry.json()["moved"], dry.json()["receivers"]) == (4, {"ana": 4})
    history = (await client.get("/v1/reps/ben")).json()["history"]
    assert [line["kind"] for line in history] == ["leave", "cap"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/reps/anna/pause", {}, 404),
        ("/v1/reps/ana/pause", {"until": "2020-01-01T00:00:00Z"}, 422),
        ("/v1/reps/ana/pause", {"untill": "2030-01-01T00:00:00Z"}, 422),
        ("/v1/reps/ana/cap", {}, 422),
        ("/v1/reps/ana/resume", {}, 422),
    ],
)
async def test_what_is_wrong_over_http(
    open_desk: OpenDesk, path: str, body: Any, status: int
) -> None:
    client = await http_client(await open_desk(files({"ana": 1})), Scope.REPS_ADMIN)
    answer = await client.post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status, "application/problem+json",
    )  # fmt: skip


async def test_people_need_their_scope(open_desk: OpenDesk) -> None:
    client = await http_client(await open_desk(files({"ana": 1})), Scope.ASSIGNMENTS_ACT)
    assert (await client.get("/v1/reps")).status_code == 403
    assert (await client.post("/v1/reps/ana/pause", json={})).status_code == 403


async def http_client(desk: Desk, scope: Scope) -> httpx.AsyncClient:
    return (await client_of(desk, scope)).http
