"""A lead that nobody can take, and touches that are read before their assignments."""

from __future__ import annotations

import asyncio

from schemas.assignment import AssignmentStatus
from tests.integration.response.desk import Desk, activity
from tests.support.assignments import LeadLife, of_all
from tests.support.waiting import eventually


async def test_a_lead_that_is_held_has_no_clock_of_a_rep_and_still_counts(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.held())
    assert set(await desk.running(lead.lead_id)) == {"escalation"}
    await desk.later(minutes=6)
    await desk.fire()
    counted = desk.sample("handraise_hot_leads_five_minutes_total", outcome="untouched")
    assert counted == 1
    await desk.timer.show()
    assert desk.sample("handraise_oldest_untouched_hot_lead_seconds") > 350
    await desk.hear(lead.placed("ana", AssignmentStatus.ASSIGNED))
    assert "breach" in await desk.running(lead.lead_id)


async def test_whom_nobody_can_take_reaches_the_manager_then_the_team_once(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.held())
    assert set(await desk.running(lead.lead_id)) == {"escalation"}
    await desk.hear(lead.event(AssignmentStatus.HELD))  # tried again, and still nobody
    await desk.later(minutes=20, seconds=1)
    # A feed that is silent takes nothing from anybody here.
    await desk.pool.execute(
        "insert into response.feed (occurred_at, heard_at)"
        " values (now() - interval '2 d', now() - interval '2 d')"
    )
    assert await desk.asked() == [("escalate", "nobody could take it in time")]
    assert await desk.fire() == []
    await desk.hear(lead.over(), lead.held())  # the manager is away, too
    await desk.read_up()
    assert await desk.told() == [("breach", "team")]
    await desk.hear(lead.event(AssignmentStatus.HELD))
    await desk.later(hours=1)
    assert await desk.fire() == []
    await desk.hear(lead.placed("ana", AssignmentStatus.ASSIGNED))
    assert set(await desk.running(lead.lead_id)) == {"reminder", "breach"}


async def test_who_is_touched_or_taken_while_waiting_goes_to_no_manager(desk: Desk) -> None:
    touched, taken = LeadLife(), LeadLife()
    await desk.hear(touched.held(), taken.held())
    await desk.happens(activity(touched.lead_id))
    await desk.hear(taken.placed("ana", AssignmentStatus.ASSIGNED))
    assert await desk.running(touched.lead_id) == {}
    await desk.happens(activity(taken.lead_id, rep_id="ana"))
    await desk.later(hours=1)
    assert await desk.fire() == []


async def test_a_touch_that_is_read_before_its_assignment_is_not_lost(desk: Desk) -> None:
    again, passed, held = LeadLife(), LeadLife(), LeadLife()
    lives = (again, passed, held)
    await desk.hear(*of_all(lives, "ana"))
    await desk.happens(*(activity(one.lead_id, rep_id="ana") for one in lives))
    # Told after these, and read before them.
    late = [again.again(), passed.given("ben", AssignmentStatus.REASSIGNED), held.held()]
    late.append(held.placed("ben"))
    early = [activity(one.lead_id, rep_id=one.rep) for one in lives]
    await desk.happens(*early)
    await desk.hear(*late)
    assert [await desk.phase(one.lead_id) for one in lives] == ["touched"] * 3
    assert [await desk.running(one.lead_id) for one in lives] == [{}] * 3
    # What was told before the next attempt began answers nothing of it, however often it is read.
    await desk.hear(passed.given("ana", AssignmentStatus.REASSIGNED))
    assert await desk.phase(passed.lead_id) == "running"


async def test_a_touch_waits_for_an_assignment_that_is_being_stored(desk: Desk) -> None:
    lead = LeadLife()
    first = lead.given("ana")

    async def somebody_waits() -> bool:
        query = "select exists(select from pg_locks where locktype = 'advisory' and not granted)"
        return bool(await desk.pool.fetchval(query))

    async with desk.pool.acquire() as connection:
        async with connection.transaction():
            await desk.assignments._decide(connection, [first])
            told = asyncio.create_task(desk.happens(activity(lead.lead_id, rep_id="ana")))
            await eventually(somebody_waits)
        await told
    assert await desk.phase(lead.lead_id) == "touched"
    assert await desk.running(lead.lead_id) == {}


async def test_what_was_told_is_kept_for_a_day(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    await desk.happens(activity(lead.lead_id))
    await desk.timer.match()
    assert await desk.pool.fetchval("select count(*) from response.told") == 1
    await desk.pool.execute("update response.told set at = at - interval '25 h'")
    await desk.timer.match()
    assert await desk.pool.fetchval("select count(*) from response.told") == 0
