"""The life of a lead's clocks on a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import asyncpg
import pytest

from schemas.activity import ActivityName, Actor
from schemas.assignment import AssignmentStatus
from schemas.base import TierName
from services.response.retime import retime
from services.response.store import due, feeds
from services.runtime.configstore import ConfigStore
from tests.integration.response.conftest import OpenDesk
from tests.integration.response.desk import RESPONSE, Desk, activity, files
from tests.support.assignments import LeadLife, of_all


async def test_nobody_touches_a_lead_reminder_reassignment_manager_team(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    await desk.read_up()
    assert await desk.told() == []
    await desk.later(minutes=3, seconds=1)
    assert await desk.told() == [("reminder", "rep")]
    await desk.later(minutes=2)
    assert await desk.asked() == [("reassign", "not touched in time")]
    assert await desk.fire() == []  # once
    await desk.hear(lead.over(), lead.given("ben", AssignmentStatus.REASSIGNED))
    await desk.later(minutes=3, seconds=1)
    assert await desk.told() == [("reminder", "rep")]
    await desk.later(minutes=2)
    [(action, _)] = await desk.asked()
    assert action == "escalate"
    await desk.hear(lead.over(), lead.given("eve", AssignmentStatus.ESCALATED))
    await desk.later(minutes=3, seconds=1)
    assert await desk.told() == [("reminder", "manager")]
    await desk.later(minutes=2)
    assert await desk.told() == [("breach", "team")]
    assert await desk.phase(lead.lead_id) == "escalated"
    assert await desk.running(lead.lead_id) == {}
    assert desk.sample("handraise_breaches_total", tier="hot") == 3
    for reason in ("breach", "escalation", "team"):
        assert desk.sample("handraise_hops_total", reason=reason) == 1
    assert await desk.story(lead.lead_id) == [
        "started", "reminder", "breach", "started", "reminder", "escalation", "started",
        "reminder", "team_told",
    ]  # fmt: skip


async def test_the_first_human_touch_stops_all_clocks_of_the_rep(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    await desk.later(minutes=1)
    await desk.happens(activity(lead.lead_id, actor=Actor.AUTOMATION))
    await desk.happens(activity(lead.lead_id, ActivityName.EMAIL_REPLIED))
    assert set(await desk.running(lead.lead_id)) == {"reminder", "breach", "escalation"}
    await desk.happens(activity(lead.lead_id, rep_id="ana"))
    assert await desk.running(lead.lead_id) == {}
    await desk.later(minutes=10)
    assert await desk.fire() == []
    assert await desk.phase(lead.lead_id) == "touched"
    assert desk.sample("handraise_speed_to_lead_seconds_count", tier="hot") == 1
    assert 59 < desk.sample("handraise_speed_to_lead_seconds_sum", tier="hot") < 80
    counted = desk.sample("handraise_hot_leads_five_minutes_total", outcome="touched")
    assert counted == 1


async def test_a_touch_in_time_that_a_crm_tells_of_late_counts_once_more(desk: Desk) -> None:
    lead, slow = LeadLife(), LeadLife()
    await desk.hear(lead.given("ana"), slow.given("ben"))
    await desk.later(minutes=6)
    await desk.fire()
    await desk.happens(
        activity(lead.lead_id, ago=timedelta(minutes=4)),
        activity(slow.lead_id, ago=timedelta(seconds=10)),
    )
    name = "handraise_hot_leads_five_minutes_total"
    counted = {one: desk.sample(name, outcome=one) for one in ("touched", "untouched", "told_late")}
    assert counted == {"touched": 0, "untouched": 2, "told_late": 1}


async def test_accept_stops_the_acceptance_clock_only(desk: Desk) -> None:
    lead = LeadLife(TierName.WARM)
    await desk.hear(lead.given("ana"))
    assert set(await desk.running(lead.lead_id)) == {"acceptance", "reminder", "breach"}
    await desk.later(minutes=29)
    await desk.hear(lead.accepted())
    assert set(await desk.running(lead.lead_id)) == {"reminder", "breach"}
    await desk.later(hours=4)
    assert await desk.told() == [("reminder", "rep")]  # an hour late: nobody is taken by surprise
    await desk.later(hours=1)
    assert await desk.asked() == [("reassign", "not touched in time")]
    assert desk.sample("handraise_time_to_accept_seconds_count", tier="warm") == 1


async def test_who_does_not_accept_in_time_loses_it_but_not_by_surprise(desk: Desk) -> None:
    lead = LeadLife(TierName.WARM)
    await desk.hear(lead.given("ana"))
    await desk.later(minutes=30, seconds=1)
    assert await desk.asked() == [("reassign", "not accepted in time")]
    assert desk.sample("handraise_hops_total", reason="acceptance") == 1
    assert desk.sample("handraise_breaches_total", tier="warm") == 0
    # The rep accepts at that very moment: routing refuses the request, and the clocks go on.
    await desk.hear(lead.accepted())
    assert set(await desk.running(lead.lead_id)) == {"reminder", "breach"}
    await desk.later(hours=2, minutes=31)
    assert await desk.told() == [("reminder", "rep")]
    await desk.later(hours=1)
    assert await desk.asked() == [("reassign", "not touched in time")]


async def test_a_clock_waits_until_everything_before_its_deadline_was_read(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    await desk.later(minutes=1)
    await desk.read_up("activities.v1")
    await desk.pool.execute(
        "update response.clocks set due_at = due_at - interval '10 m', try_at = due_at"
    )
    await desk.pool.execute(
        "update response.progress set read_until = read_until - interval '1 h'"
        " where topic = 'activities.v1'"
    )
    assert await desk.fire() == []
    # The touch was told in time and read late: no false breach.
    await desk.happens(activity(lead.lead_id, rep_id="ana"))
    await desk.read_up("activities.v1")
    assert await desk.fire() == []
    assert await desk.phase(lead.lead_id) == "touched"


async def test_nothing_fires_before_anything_was_read(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    await desk.pool.execute("update response.clocks set try_at = now() - interval '1 h'")
    assert await desk.fire() == []


@pytest.mark.parametrize("name", ["lead_id", "assignment_id", "email", "domain"])
async def test_an_activity_finds_its_lead_by_any_name_before_and_after(
    desk: Desk, name: str
) -> None:
    lead = LeadLife(email="Ana.Lead@acme.example")
    first = lead.given("ana")
    names = {
        "lead_id": lead.lead_id,
        "assignment_id": lead.assignment_id,
        "email": "ana.lead@ACME.example",
        "domain": first.account_key,
    }
    await desk.happens(activity(**{name: names[name]}))  # its lead is not known yet
    assert await desk.pool.fetchval("select count(*) from response.unmatched") == 1
    await desk.hear(first)
    assert await desk.phase(lead.lead_id) == "touched"
    assert await desk.pool.fetchval("select count(*) from response.unmatched") == 0
    await desk.hear(lead.again())
    assert await desk.phase(lead.lead_id) == "running"
    await desk.happens(activity(**{name: names[name]}))
    assert await desk.phase(lead.lead_id) == "touched"


async def test_an_activity_about_nobody_is_kept(desk: Desk) -> None:
    await desk.happens(activity(uuid4()), activity(email="x@y.example"))
    await desk.pool.execute("update response.unmatched set waits_until = now()")
    await desk.timer.match()
    assert await desk.pool.fetchval("select count(*) from response.unmatched") == 2


async def test_an_activity_that_crossed_with_its_lead_is_found_by_the_sweep(desk: Desk) -> None:
    lead = LeadLife()
    first = lead.given("ana")
    await desk.happens(activity(lead.lead_id))
    await desk.pool.execute("update response.unmatched set lead_id = null")  # not seen by the stage
    await desk.hear(first)
    assert await desk.phase(lead.lead_id) == "running"
    await desk.timer.match()
    assert await desk.phase(lead.lead_id) == "touched"


async def test_a_touch_of_before_the_hand_raise_answers_nothing(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    await desk.happens(activity(lead.lead_id, ago=timedelta(hours=1)))
    assert await desk.phase(lead.lead_id) == "running"


async def test_who_asks_again_starts_a_new_clock_with_the_same_owner(desk: Desk) -> None:
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    await desk.happens(activity(lead.lead_id))
    await desk.later(minutes=30)
    await desk.hear(lead.again())
    assert 290 < (await desk.running(lead.lead_id))["breach"] <= 300
    await desk.later(minutes=2)
    # Asks a third time before anybody answered: who asks twice does not wait longer.
    await desk.hear(lead.again())
    assert (await desk.running(lead.lead_id))["breach"] <= 180
    await desk.happens(activity(lead.lead_id))
    assert desk.sample("handraise_speed_to_lead_seconds_count", tier="hot") == 2


async def test_a_feed_that_has_gone_silent_takes_no_lead_from_anybody(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(RESPONSE + "feed: {stale_after: 1h}\n")
    lead = LeadLife()
    await desk.happens(activity(uuid4(), ago=timedelta(minutes=58)))
    await desk.hear(lead.given("ana"))
    await desk.later(minutes=3, seconds=1)
    assert await desk.told() == [("reminder", "rep")]  # reminders go on
    await desk.later(minutes=2)
    assert await desk.fire() == []
    await desk.timer.show()
    assert desk.sample("handraise_clocks_suspended") == 1
    assert desk.sample("handraise_feed_age_seconds") > 3600
    await desk.happens(activity(uuid4()))
    await desk.later(seconds=31)
    assert await desk.asked() == [("reassign", "not touched in time")]
    assert "suspended" in await desk.story(lead.lead_id)


async def test_after_hours_of_absence_reminders_come_first_and_in_order(desk: Desk) -> None:
    leads = [LeadLife() for _ in range(5)]
    for lead in leads:
        await desk.hear(lead.given("ana"))
    await desk.later(hours=6)
    told = await desk.fire()
    assert [out.key.decode() for out in told] == [f"{one.lead_id.hex[:8]}.example" for one in leads]
    assert {out.topic for out in told} == {"touches.v1"}
    assert 100 < (await desk.running(leads[0].lead_id))["breach"] <= 120
    await desk.later(minutes=2, seconds=1)
    assert len(await desk.asked()) == 5


async def test_what_piled_up_is_fired_slowly_and_what_is_due_now_at_once(desk: Desk) -> None:
    old = [LeadLife() for _ in range(60)]
    await desk.hear(*of_all(old, "ana"))
    await desk.later(hours=6)
    new = LeadLife()
    await desk.hear(new.given("ben"))
    await desk.later(minutes=3, seconds=1)
    assert await desk.timer.fresh() == 1
    assert await desk.timer.overdue() == 50
    assert await desk.timer.overdue() == 10


async def test_one_of_several_processes_fires(open_desk: OpenDesk) -> None:
    desks = [await open_desk() for _ in range(3)]
    lives = [LeadLife() for _ in range(40)]
    await desks[0].hear(*of_all(lives, "ana"))
    await desks[0].later(minutes=3, seconds=5)
    for _ in range(4):
        await asyncio.gather(*(desk.timer.fresh() for desk in desks))
    reminded = [out.key for desk in desks for out in desk.published]
    assert len(reminded) == len(set(reminded)) == 40


async def test_a_change_of_settings_moves_no_running_clock(desk: Desk, postgres_dsn: str) -> None:
    before, after = LeadLife(), LeadLife()
    await desk.hear(before.given("ana"))
    async with desk.pool.acquire() as connection:
        slower = files(RESPONSE.replace("breach: 5m", "breach: 10m"))
        await ConfigStore().publish(connection, slower, "test", "")
    await desk.hear(after.given("ana"))
    assert (await desk.running(before.lead_id))["breach"] <= 300
    assert (await desk.running(after.lead_id))["breach"] > 590
    versions = await desk.pool.fetch("select distinct config_version from response.clocks")
    assert len(versions) == 2
    # Unless somebody asks for it.
    connection = await asyncpg.connect(postgres_dsn)
    assert await retime(connection, "desk", "hot", 1.0) == 2
    assert await retime(connection, "desk", "warm", 1.0) == 0
    await connection.close()
    assert (await desk.running(before.lead_id))["breach"] > 590
    assert set(await desk.running(before.lead_id)) == {"reminder", "breach", "escalation"}


async def test_the_same_records_again_change_nothing(desk: Desk) -> None:
    lead = LeadLife()
    event, id_ = lead.given("ana"), uuid4()
    touch, touch_id = activity(lead.lead_id), uuid4()
    for _ in range(2):
        await desk.hear(event, ids=[id_])
        await desk.happens(touch, ids=[touch_id])
    assert await desk.story(lead.lead_id) == ["started", "touched"]
    assert desk.sample("handraise_speed_to_lead_seconds_count", tier="hot") == 1


async def test_an_overtaken_assignment_is_ignored(desk: Desk) -> None:
    lead = LeadLife()
    first, over, second = lead.given("ana"), lead.over(), lead.given("ben")
    await desk.hear(first)
    await desk.hear(second)
    await desk.hear(over)
    assert await desk.phase(lead.lead_id) == "running"
    rep = await desk.pool.fetchval("select rep_id from response.leads")
    assert rep == "ben"
    assert await desk.pool.fetchval("select count(*) from response.running") == 4


async def test_leads_of_the_night_start_at_opening_two_hot_ones_at_a_time(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk("time: team\ntiers: {hot: {breach: 5m}}\n", opens_in_hours=2)
    night = [LeadLife() for _ in range(4)]
    for lead in night:
        await desk.hear(lead.given("ana"))
    other = LeadLife()
    await desk.hear(other.given("ben"))
    await desk.later(hours=1)
    await desk.fire()
    assert {await desk.phase(lead.lead_id) for lead in night} == {"queued"}
    await desk.later(hours=2)
    await desk.fire()
    phases = [await desk.phase(lead.lead_id) for lead in night]
    assert phases == ["running", "running", "queued", "queued"], "the oldest first"
    assert await desk.phase(other.lead_id) == "running", "each rep has two"
    await desk.happens(activity(night[1].lead_id))
    await desk.read_up()
    await desk.fire()
    phases = [await desk.phase(lead.lead_id) for lead in night]
    assert phases == ["running", "touched", "running", "queued"]
    # Touched before its clock started: nothing waits for it any more.
    await desk.happens(activity(night[3].lead_id))
    assert await desk.phase(night[3].lead_id) == "touched"


async def test_a_touch_at_the_very_opening_starts_no_clock(
    open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await open_desk(RESPONSE.replace("wall_clock", "team"), opens_in_hours=2)
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    await desk.later(hours=3)
    opening = due.opening

    async def touched_meanwhile(*given: Any) -> Any:
        keys = await opening(*given)
        await desk.happens(activity(lead.lead_id, rep_id="ana"))
        return keys

    monkeypatch.setattr(due, "opening", touched_meanwhile)
    await desk.timer.opening()
    assert await desk.phase(lead.lead_id) == "touched"
    assert await desk.running(lead.lead_id) == {}


async def test_a_touch_while_clocks_are_retimed_stays_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    untouched = due.untouched

    async def touched_meanwhile(*given: Any) -> Any:
        keys = await untouched(*given)
        await desk.happens(activity(lead.lead_id, rep_id="ana"))
        return keys

    monkeypatch.setattr(due, "untouched", touched_meanwhile)
    async with desk.pool.acquire() as connection:
        assert await retime(cast(asyncpg.Connection, connection), None, None, 1.0) == 0
    assert await desk.phase(lead.lead_id) == "touched"


async def test_what_is_about_nobody_keeps_no_touch_from_its_lead(desk: Desk) -> None:
    await desk.happens(*[activity(uuid4()) for _ in range(600)])
    lead = LeadLife()
    await desk.hear(lead.given("ana"))
    async with desk.pool.acquire() as connection:  # as one does that crosses with its assignment
        now = await feeds.database_time(connection)
        await feeds.keep(connection, [(uuid4(), activity(lead.lead_id))], now)
    await desk.timer.match()
    assert await desk.phase(lead.lead_id) == "touched"
