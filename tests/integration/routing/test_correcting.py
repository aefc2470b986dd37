"""What a wrong rule did is mended: what went to the wrong pool, and only what is untouched."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import asyncpg

from schemas.assignment import RequestAction
from services.routing.answer import Request
from services.routing.review import books
from services.routing.review.correcting import Move, corrections
from services.routing.review.simulation import simulate
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import MONDAY_NINE, files, many

BIG = {"headcount": 900}
ENTERPRISE: dict[str, Any] = {
    "reps": (
        "  - {id: eve, name: Eve Test, email: eve@example.com, role: sdr,"
        " time_zone: UTC, calendar: always}"
    ),
    "pools": "  - {id: enterprise, role: sdr, members: [eve]}",
}
RIGHT = "  - {id: big, when: {company.headcount: {gte: 500}}, pool: enterprise}"
WRONG = "  - {id: big, when: {company.headcount: {gte: 5000}}, pool: enterprise}"


async def to_mend(desk: Desk, version: str, *, untouched: bool) -> list[Move]:
    until = desk.now + timedelta(seconds=1)
    async with desk.pool.acquire() as proxy:
        connection = cast(asyncpg.Connection, proxy)
        name, plan = await books.plan_of(connection, None, version)
        traffic = await books.recorded_traffic(connection, MONDAY_NINE, until)
        current = await books.current(connection, MONDAY_NINE)
    return list(corrections(simulate(plan, name, traffic), current, untouched=untouched))


async def test_the_wrong_pool_is_mended_and_the_turns_with_it(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, rules=WRONG, **ENTERPRISE))
    small = await desk.route(*many(4, prefix="small"))
    big = await desk.route(*many(4, prefix="big", facts=BIG))
    assert {one.pool for one in (*small, *big)} == {"desk"}
    accepted = big[0]
    assert accepted.rep is not None
    await desk.act(accepted.assignment_id, "accept", accepted.rep.id)
    right = await desk.publish(files({"ana": 1, "ben": 1}, rules=RIGHT, **ENTERPRISE))

    every = await to_mend(desk, right, untouched=False)
    moves = await to_mend(desk, right, untouched=True)
    assert {one.lead_id for one in every} == {one.lead_id for one in big}
    assert {one.lead_id for one in moves} == {one.lead_id for one in big[1:]}
    assert {(one.to, one.to_pool, one.rule) for one in moves} == {("eve", "enterprise", "big")}

    await asyncio.wait_for(_taken_up(desk, right), 30)
    for one in moves:
        request = Request(RequestAction.REASSIGN, "ops", "wrong rule", None, one.to, True)
        outcome = await desk.requests.now(one.assignment_id, request)
        assert outcome is not None
        assert outcome.last.rep_id == "eve"
    assert await to_mend(desk, right, untouched=True) == []
    counts = await desk.fairness()
    assert sum(count for count, _ in counts.values()) == 5, "four small ones and the accepted one"


async def test_who_is_only_next_in_the_same_pool_keeps_the_lead(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.route(*many(6))
    other = await desk.publish(files({"ana": 1, "ben": 5}))
    assert await to_mend(desk, other, untouched=False) == []


async def _taken_up(desk: Desk, version: str) -> None:
    while desk.config.current.version != version:
        await asyncio.sleep(0.02)
