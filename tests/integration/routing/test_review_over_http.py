"""Simulating, recomputing and correcting over HTTP: queued, worked off apart, read later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from services.routing import review_http
from services.routing.mending import mending
from services.runtime.apart import Apart, Bounds
from services.runtime.apikeys import Scope
from services.runtime.jobs import Jobs
from services.runtime.jobs_sql import QUEUE, Ended, JobStore
from services.runtime.problems import Problem
from services.runtime.settings import PostgresSettings
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import MONDAY_NINE, files, many
from tests.integration.routing.test_correcting import BIG, ENTERPRISE, RIGHT, WRONG
from tests.integration.routing.web import served
from tests.support.waiting import eventually
from tests.support.web import Client, ended, worked_off

PERIOD = {"since": MONDAY_NINE.isoformat(), "until": "2026-11-23T10:00:00+00:00"}
READ = {Scope.DECISIONS_READ}
BOTH = {Scope.DECISIONS_READ, Scope.REPS_ADMIN}
PATIENT = 90.0
PLENTY = Bounds(120, 4096)


def store_of(desk: Desk) -> JobStore:
    return JobStore(desk.pool, "routing")


def jobs_of(desk: Desk, dsn: str, bounds: Bounds = PLENTY) -> Jobs:
    apart = Apart(PostgresSettings(dsn=SecretStr(dsn)), bounds, at_once=1)
    mend = {review_http.CORRECTION.kind: mending(desk.requests.now)}
    return Jobs(store_of(desk), apart, mend)


@asynccontextmanager
async def open_web(desk: Desk, jobs: Jobs, scopes: set[Scope]) -> AsyncIterator[Client]:
    """The routes, and somebody who works the queue off."""
    async with worked_off(jobs), served(desk, review_http.router(jobs), scopes=scopes) as web:
        yield web


async def test_a_simulation_is_asked_for_and_read_later(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.route(*many(6))
    before = desk.config.current.version
    own = files({"ana": 1})
    async with open_web(desk, jobs_of(desk, postgres_dsn), READ) as web:
        refused = await web.post("/v1/simulations", json=PERIOD, headers=web.narrow)
        assert refused.status_code == 403

        same = await ended(web, "/v1/simulations", PERIOD)
        assert (same["status"], same["asked_by"]) == ("done", "ops")
        assert (same["result"]["leads"], same["result"]["different"]) == (6, 0)
        assert same["result"]["new"] == before

        asked = {**PERIOD, "files": {"teams.yaml": own["teams.yaml"]}, "old": before, "moves": 2}
        made = await ended(web, "/v1/simulations", asked)
        report = made["result"]
        assert (report["old"], report["different"], len(report["moves"])) == (before, 3, 2)
        assert {one["name"]: one["new"] for one in report["reps"]} == {"ana": 6, "ben": 0}
        page = await web.get(f"/v1/simulations/{made['id']}/page")
        assert page.headers["content-type"].startswith("text/html")
        assert "<svg" in page.text

        supposed = await ended(web, "/v1/simulations", {"what_if": ["ana away next week"]})
        assert supposed["result"]["new"] == "ana away next week"

        broken = {**PERIOD, "files": {"routing.yaml": "catch_all: {pool: dsk}\n"}}
        (fault,) = (await ended(web, "/v1/simulations", broken))["problem"]["faults"]
        assert (fault["file"], fault["line"]) == ("routing.yaml", 1)
        assert "did you mean desk?" in fault["message"]
        unclear = await ended(web, "/v1/simulations", {"what_if": ["nobody away next week"]})
        assert (unclear["status"], unclear["problem"]["status"]) == ("failed", 422)

        listed = (await web.get("/v1/simulations")).json()["simulations"]
        assert [one["id"] for one in listed][-1] == same["id"]
        assert len(listed) == 5


async def test_what_makes_no_sense_is_refused_at_once(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(files())
    jobs = jobs_of(desk, postgres_dsn)
    async with served(desk, review_http.router(jobs), scopes=READ) as web:
        for asked in (
            {"since": PERIOD["until"], "until": PERIOD["since"]},
            {"since": "2026-11-23T09:00:00"},
            {"what_if": ["ana left"], **PERIOD},
            {"files": {"../routing.yaml": ""}},
            {"moves": 10**6},
            {"unknown": 1},
        ):
            answer = await web.post("/v1/simulations", json=asked)
            assert (answer.status_code, answer.json()["title"]) == (422, "Invalid request"), asked
        nothing = "/v1/simulations/3ed87483-759c-5460-80d4-c5fd918062e2"
        for path in (nothing, f"{nothing}/page"):
            assert (await web.get(path)).status_code == 404
        assert (await web.delete(nothing)).status_code == 404
        assert (await web.post("/v1/corrections", json={})).status_code == 403
        assert (await web.get("/v1/corrections")).status_code == 403


async def test_the_queue_is_bounded_and_what_waits_is_called_off(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(files())
    jobs = jobs_of(desk, postgres_dsn)  # nobody works it off
    async with served(desk, review_http.router(jobs), scopes=READ) as web:
        places = [
            (await web.post("/v1/recomputations", json={})).headers["location"]
            for _ in range(QUEUE)
        ]
        full = await web.post("/v1/recomputations", json={})
        assert (full.status_code, full.headers["retry-after"]) == (429, "30")
        assert (await web.delete(places[0])).json()["status"] == "cancelled"
        assert (await web.delete(places[0])).status_code == 409
        assert (await web.get(places[0])).json()["status"] == "cancelled"
        assert (await web.post("/v1/recomputations", json={})).status_code == 202
        as_other = places[1].replace("recomputations", "simulations")
        assert (await web.get(as_other)).status_code == 404


async def test_recomputing_finds_no_difference(open_desk: OpenDesk, postgres_dsn: str) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.route(*many(5))
    async with open_web(desk, jobs_of(desk, postgres_dsn), READ) as web:
        made = await ended(web, "/v1/recomputations", {})
        assert (made["result"]["decisions"], made["result"]["different"]) == (5, 0)


async def test_a_correction_is_rehearsed_and_then_carried_out(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, rules=WRONG, **ENTERPRISE))
    big = await desk.route(*many(4, prefix="big", facts=BIG))
    accepted = big[0]
    assert accepted.rep is not None
    await desk.act(accepted.assignment_id, "accept", accepted.rep.id)
    right = await desk.publish(files({"ana": 1, "ben": 1}, rules=RIGHT, **ENTERPRISE))
    await eventually(lambda: desk.config.current.version == right, 30)
    asked = {**PERIOD, "untouched": True, "reason": "wrong rule"}
    async with open_web(desk, jobs_of(desk, postgres_dsn), BOTH) as web:
        dry = (await ended(web, "/v1/corrections", {**asked, "dry_run": True}))["result"]
        assert (dry["version"], dry["to_move"], dry["applied"]) == (right, 3, 0)
        assert {one["to"] for one in dry["moves"]} == {"eve"}
        made = (await ended(web, "/v1/corrections", asked))["result"]
        assert (made["to_move"], made["applied"]) == (3, 3)
        again = (await ended(web, "/v1/corrections", asked))["result"]
        assert again["moves"] == [], "what is mended stays as it is"
    async with desk.pool.acquire() as connection:
        rows = await connection.fetch("select rep_id from routing.current")
    assert sorted(row["rep_id"] for row in rows) == sorted([accepted.rep.id, *["eve"] * 3])


async def test_a_process_that_dies_leaves_its_work_to_the_next(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(files({"ana": 1}))
    store = store_of(desk)
    await desk.route(*many(2))
    dead = await store.add("recomputation", {}, "ops")
    assert dead is not None
    taken = await store.take()
    assert taken is not None
    assert await store.take() is None, "somebody works on it"
    await _silent_for_a_minute(desk)
    async with open_web(desk, jobs_of(desk, postgres_dsn), READ) as web:

        async def done() -> bool:
            told = (await web.get(f"/v1/recomputations/{dead}")).json()
            return bool(told["status"] == "done")

        await eventually(done, PATIENT, pause=0.1)
    # The dead one wakes up: it has lost the job, and what it says is not kept.
    assert not await store.alive(taken)
    await store.end(taken, Ended(problem={"status": 500}))
    kept = await store.one("recomputation", dead)
    assert kept is not None
    assert kept["status"] == "done"


async def test_what_is_lost_twice_is_given_up(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    store = store_of(desk)
    job = await store.add("simulation", {}, "ops")
    assert job is not None
    for _ in range(2):
        assert await store.take() is not None
        await _silent_for_a_minute(desk)
    assert await store.take() is None
    told = await store.one("simulation", job)
    assert told is not None
    assert (told["status"], told["problem"]["title"]) == ("failed", "Not computed")


async def test_a_drain_puts_the_work_back(
    open_desk: OpenDesk, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await open_desk(files())
    store = store_of(desk)
    jobs = jobs_of(desk, postgres_dsn)
    began = asyncio.Event()

    async def never(kind: str, request: object) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(jobs._apart, "run", never)
    job = await jobs.ask("simulation", {}, "ops")
    working = asyncio.create_task(jobs.run())
    await asyncio.wait_for(began.wait(), 30)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    told = await store.one("simulation", job)
    assert told is not None
    assert (told["status"], told["started_at"]) == ("queued", None)
    again = await store.take()
    assert again is not None
    assert again.tries == 1


async def test_a_computation_ends_at_its_bounds(open_desk: OpenDesk, postgres_dsn: str) -> None:
    desk = await open_desk(files())
    async with open_web(desk, jobs_of(desk, postgres_dsn, Bounds(0.01, 4096)), READ) as web:
        told = await ended(web, "/v1/recomputations", {})
        assert (told["status"], told["problem"]["title"]) == ("failed", "Not computed")
        assert "longer than" in told["problem"]["detail"]
    apart = Apart(PostgresSettings(dsn=SecretStr(postgres_dsn)), Bounds(60, 256), at_once=1)
    with pytest.raises(Problem) as refused:
        await apart.run("check", {"files": {"much.csv": "x" * 100_000_000}})
    assert "more than 256 MB" in str(refused.value.detail)


async def test_who_comes_when_too_many_wait_is_told_so(postgres_dsn: str) -> None:
    settings = PostgresSettings(dsn=SecretStr(postgres_dsn))
    apart = Apart(settings, Bounds(60, 2048), at_once=1, waiting=1)
    asked = [apart.run("recomputation", {}) for _ in range(3)]
    made = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(one, Problem) and one.status for one in made] == [False, False, 503]
    assert (await apart.run("recomputation", {}))["report"]["decisions"] == 0, "room again"


async def _silent_for_a_minute(desk: Desk) -> None:
    async with desk.pool.acquire() as connection:
        await connection.execute(
            "update routing.jobs set alive_at = alive_at - interval '1 minute'"
        )
