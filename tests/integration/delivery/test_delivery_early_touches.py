"""Touches and assignments come by two topics: either may be read first."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from schemas.assignment import AssignmentStatus
from tests.integration.delivery.office import Office, now, office, slack
from tests.support.changes import changed, due, next_attempt
from tests.support.standin import Reply, StandIn
from tests.support.waiting import eventually

OK = Reply(body={"ok": True, "ts": "1.1", "channel": "C1"})


async def test_a_touch_that_is_read_before_its_assignment_waits_for_it(postgres_dsn: str) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        first = changed()
        second = next_attempt(first, "sam", "Sam Rivera")
        later = due(second).model_copy(update={"due_at": now()})
        await it.tell(first)
        await it.remind(later, later)  # an attempt of which we have not read yet
        await it.remind(due(changed()))  # a lead of which we have not
        await it.tell(second)
        await eventually(lambda: _told(there) >= {"Sam", "Reminder Sam"})
        [left] = await it.rows("select assignment_id from delivery.early")
        assert left["assignment_id"] != second.assignment_id


async def test_a_touch_of_an_attempt_that_is_over_waits_for_nothing(postgres_dsn: str) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        first = changed()
        second = next_attempt(first, "sam", "Sam").model_copy(update={"decided_at": now()})
        await it.tell(first, second)
        await it.remind(due(first).model_copy(update={"due_at": now() - timedelta(hours=1)}))
        assert await it.rows("select 1 from delivery.early") == []


async def test_neither_misses_the_other_when_they_cross(postgres_dsn: str) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        events = [changed() for _ in range(30)]
        await asyncio.gather(
            *(it.tell(one) for one in events), *(it.remind(due(one)) for one in events)
        )
        await eventually(lambda: _reminders(it, 30))
        assert await it.rows("select 1 from delivery.early") == []
        await it.tell(*(changed(AssignmentStatus.CLOSED, of=one) for one in events))


def _told(there: StandIn) -> set[str]:
    return {
        ("Reminder " if "Reminder" in asked.json["text"] else "")
        + ("Sam" if asked.json["channel"] == "USAM" else "Mara")
        for asked in there.asked
    }


async def _reminders(it: Office, count: int) -> bool:
    rows = await it.rows("select 1 from delivery.deliveries where touch is not null")
    return len(rows) == count
