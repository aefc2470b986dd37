"""Touches and assignments come by two topics: either may be read first."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.delivery.store import early
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


async def test_neither_misses_the_other_when_they_cross(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, go_on, take = asyncio.Event(), asyncio.Event(), early.take

    async def slow(*given: Any) -> Any:
        found = await take(*given)
        looked.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(early, "take", slow)
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        event = changed()
        telling = asyncio.create_task(it.tell(event))
        await looked.wait()
        reminding = asyncio.create_task(it.remind(due(event)))
        await eventually(lambda: _waits(it, reminding))
        go_on.set()
        await asyncio.gather(telling, reminding)
        rows = await it.rows("select 1 from delivery.deliveries where touch is not null")
        assert len(rows) == 1
        assert await it.rows("select 1 from delivery.early") == []


async def _waits(it: Office, task: asyncio.Task[None]) -> bool:
    locks = "select 1 from pg_locks where locktype = 'advisory' and not granted"
    return task.done() or bool(await it.rows(locks))


def _told(there: StandIn) -> set[str]:
    return {
        ("Reminder " if "Reminder" in asked.json["text"] else "")
        + ("Sam" if asked.json["channel"] == "USAM" else "Mara")
        for asked in there.asked
    }
