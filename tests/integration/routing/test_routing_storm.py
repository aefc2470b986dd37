"""Two processes on one database, everything at once: submissions and their repeats, requests,
drains, pauses, caps, leavers, processes that die in the middle. Afterwards all promises hold."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from schemas.assignment import RequestAction
from schemas.base import KindName, Lane, TierName
from schemas.score import LeadScored
from schemas.topics import scored as scored_topic
from services.routing.fairness import UNIT
from services.routing.staff import Author, RepFault
from services.runtime.records import Record
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk, record
from tests.integration.routing.leads import files, scored
from tests.integration.routing.test_routing_requests import requested

RUNS = int(os.environ.get("HANDRAISE_STORM_RUNS", "4"))
REPS = ("ana", "ben", "cleo", "dan")
SAM = Author("sam.ops", "storm")
_CONFIG = files(
    {"ana": 2, "ben": 1, "cleo": 3, "dan": 1},
    rules="  - {id: webinars, when: {kind: webinar}, pool: spare}",
    pools="  - {id: spare, role: sdr, members: [dan, eve]}",
    reps="  - {id: eve, name: Eve, email: eve@example.com, role: sdr, time_zone: UTC,"
    " calendar: always}",
    routing="managers: {desk: eve}",
)


@dataclass
class Storm:
    """Two processes, and everything that was ever handed in."""

    desks: tuple[Desk, Desk]
    chance: random.Random
    records: list[tuple[Record[LeadScored], Lane]] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        return self.chance.choice(self.desks)

    # -- what happens at once -------------------------------------------------------------------
    async def submissions(self) -> None:
        """A batch of strangers, colleagues and known people, with repeats of earlier inputs."""
        desk, lane = self.desk, self.chance.choice(list(Lane))
        fresh = [
            (record(self._scored(desk), scored_topic(lane), uuid4()), lane)
            for _ in range(self.chance.randint(1, 6))
        ]
        old = [one for one in self.records if one[1] is lane]
        again = self.chance.sample(old, min(len(old), self.chance.randint(0, 3)))
        self.records += fresh
        await desk.outputs([one for one, _ in (*fresh, *again)], lane)

    async def crash(self) -> None:
        """A process dies while it decides; what it had not committed is as if never begun."""
        work = asyncio.ensure_future(self.submissions())
        for _ in range(self.chance.randint(1, 40)):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    async def requests(self) -> None:
        desk = self.desk
        rows = await desk.fetch(
            "select assignment_id, rep_id from routing.attempts order by random() limit 3"
        )
        for row in rows:
            action = self.chance.choice(list(RequestAction))
            to = self.chance.choice([None, *REPS]) if action is RequestAction.REASSIGN else None
            await desk.ask(
                requested(
                    row["assignment_id"], action, rep_id=row["rep_id"], to_rep_id=to,
                    correction=to is not None and self.chance.random() < 0.5,
                )
            )  # fmt: skip

    async def drain(self) -> None:
        await self.desk.drained()

    async def people(self) -> None:
        desk, rep = self.desk, self.chance.choice(REPS)
        today = desk.now.date()
        changes: list[Callable[[], Awaitable[Any]]] = [
            lambda: desk.staff.reps.pause(SAM, rep),
            lambda: desk.staff.reps.pause(SAM, rep, until=desk.now + timedelta(hours=1)),
            lambda: desk.staff.reps.resume(SAM, rep),
            lambda: desk.staff.reps.cap(SAM, rep, {"day": self.chance.randint(1, 9)}),
            lambda: desk.staff.reps.cap(SAM, rep, {"open": self.chance.randint(1, 4)}),
            lambda: desk.staff.reps.uncap(SAM, rep),
            lambda: desk.staff.reps.leave(SAM, rep, today, today, backup="eve"),
            lambda: desk.staff.offboarding.run(SAM, rep),
        ]
        with contextlib.suppress(RepFault):  # nothing to resume, nothing to lift
            await self.chance.choice(changes)()

    async def feed(self) -> None:
        await self.desk.people.once()

    # -- the storm --------------------------------------------------------------------------------
    async def round(self) -> None:
        kinds = [self.submissions] * 3 + [self.requests, self.drain, self.people, self.feed]
        several = [self.chance.choice(kinds) for _ in range(4)]
        if self.chance.random() < 0.3:
            several.append(self.crash)
        await asyncio.gather(*(_patiently(one) for one in several))
        step = timedelta(minutes=self.chance.choice([0, 1, 30, 300]))
        for desk in self.desks:
            desk.now += step

    async def replay(self) -> None:
        """Everything once more, in both processes at once."""
        for lane in Lane:
            every = [one for one, own in self.records if own is lane]
            await asyncio.gather(*(desk.outputs(every, lane) for desk in self.desks))

    def _scored(self, desk: Desk) -> LeadScored:
        number = self.chance.randrange(60)
        company = number % 5 if self.chance.random() < 0.4 else 100 + number
        who = f"p{number}@c{company}.example"
        self.revisions[who] = self.revisions.get(who, 0) + 1
        return scored(
            who,
            revision=self.revisions[who],
            tier=self.chance.choice([TierName.HOT, TierName.WARM]),
            kind=self.chance.choice([KindName.DEMO_REQUEST] * 3 + [KindName.WEBINAR]),
            at=desk.now,
        )


async def _patiently(work: Callable[[], Awaitable[None]]) -> None:
    """As the stage runner does: what Postgres aborts runs again."""
    for _ in range(20):
        try:
            return await work()
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            await asyncio.sleep(0)
    raise AssertionError("aborted again and again")


@pytest.mark.timeout(60 + 30 * RUNS)
@pytest.mark.parametrize("seed", range(RUNS))
async def test_a_storm_leaves_one_owner_one_end_and_exact_turns(
    open_desk: OpenDesk, seed: int
) -> None:
    storm = Storm((await open_desk(_CONFIG), await open_desk(_CONFIG)), random.Random(seed))
    for _ in range(12):
        await storm.round()
    desk = storm.desks[0]
    # What died in the middle comes again, as Kafka would deliver it; then all of it, twice.
    await storm.replay()
    await _promises(desk, storm)
    before = await _decided(desk)
    await storm.replay()
    assert await _decided(desk) == before, "a replay decides nothing"


async def _promises(desk: Desk, storm: Storm) -> None:
    active = await desk.fetch(
        "select lead_id from routing.attempts where status in"
        " ('assigned', 'reassigned', 'accepted', 'escalated', 'held', 'nurtured')"
        " group by lead_id having count(*) > 1"
    )
    assert active == []
    ends = await desk.fetch(
        "select submission_id, count(*)::int as ends from routing.history"
        " where ended is not null group by submission_id"
    )
    handed_in = {one.event.submission_id for one, _ in storm.records}
    assert {row["submission_id"] for row in ends} == handed_in
    assert {row["ends"] for row in ends} == {1}
    sequences = await desk.fetch(
        "select max(sequence) as last, count(*) as told from routing.history group by lead_id"
    )
    assert all(row["last"] == row["told"] for row in sequences), "no gap, no repeat"
    turns = await desk.fetch(
        "select pool, sum(count)::int as count, sum(entitlement)::bigint as entitlement"
        " from routing.turns group by pool"
    )
    kept = await desk.fetch(
        "select turn->>'pool' as pool, count(*)::int as count from routing.attempts"
        " where turn is not null and not (turn->>'returned')::bool group by 1"
    )
    assert {row["pool"]: row["count"] for row in turns if row["count"]} == {
        row["pool"]: row["count"] for row in kept
    }
    assert all(row["entitlement"] == row["count"] * UNIT for row in turns)


async def _decided(desk: Desk) -> list[dict[str, Any]]:
    return await desk.fetch(
        "select lead_id, sequence, status, rep_id from routing.history order by 1, 2"
    )
