"""Nobody free: hold, overflow, anyway; and how a hold becomes an assignment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from schemas.assignment import AssignmentStatus
from schemas.base import TierName
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.leads import MONDAY_NINE, files, many, scored

NIGHT = MONDAY_NINE - timedelta(hours=4)
BEN = (
    "  - {id: ben, name: Ben Test, email: ben@example.com, role: sdr,"
    " time_zone: UTC, calendar: always}"
)
SPARE = "  - {id: spare, role: sdr, members: [ben]}"


async def test_a_hold_says_when_and_becomes_assigned_under_its_own_id(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}, calendar="office"))
    desk.now = NIGHT
    event = scored(at=NIGHT)
    (held,) = await desk.route(event)
    assert (held.status, held.rep) == (AssignmentStatus.HELD, None)
    assert held.held_until == NIGHT + timedelta(minutes=15)
    assert await desk.drained() == []
    assert desk.metrics.holds.labels("desk")._value.get() == 1
    desk.now = MONDAY_NINE
    (given,) = await desk.drained()
    assert given.status is AssignmentStatus.ASSIGNED
    assert (given.assignment_id, given.sequence) == (held.assignment_id, 2)
    assert given.submission_id == event.submission_id
    assert await desk.drained() == []
    assert desk.metrics.oldest_hold.labels("desk")._value.get() == 0


async def test_held_until_is_the_next_known_change(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}, calendar="office"))
    desk.now = MONDAY_NINE - timedelta(minutes=4)
    (held,) = await desk.route(scored())
    assert held.held_until == MONDAY_NINE


async def test_the_drain_goes_by_tier_then_age_three_per_rep_at_a_time(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, calendar="office"))
    desk.now = NIGHT
    warm = many(5, tier=TierName.WARM, prefix="w", at=NIGHT)
    hot = many(5, tier=TierName.HOT, prefix="h", at=NIGHT)
    await desk.route(*reversed(warm), *reversed(hot))
    desk.now = MONDAY_NINE
    first = await desk.drained()
    expected = [one.submission_id for one in [*hot, *warm]]
    assert [one.submission_id for one in first] == expected[:6]
    assert sorted(one.rep.id for one in first if one.rep) == ["ana"] * 3 + ["ben"] * 3
    second = await desk.drained()
    assert [one.submission_id for one in second] == expected[6:]


async def test_a_new_lead_joins_behind_those_who_wait_and_rank_before(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}, calendar="office"))
    desk.now = NIGHT
    await desk.route(*many(2, tier=TierName.WARM, at=NIGHT))
    desk.now = MONDAY_NINE
    (behind,) = await desk.route(scored("new@new.example", tier=TierName.WARM))
    assert behind.status is AssignmentStatus.HELD
    assert "behind 2 leads" in behind.reason
    (hot,) = await desk.route(scored("hot@hot.example"))
    assert hot.status is AssignmentStatus.ASSIGNED, "it ranks before the warm ones"
    assert len(await desk.drained()) == 3
    (after,) = await desk.route(scored("late@late.example", tier=TierName.WARM))
    assert after.status is AssignmentStatus.ASSIGNED


async def test_overflow_takes_hot_leads_first_and_all_where_the_policy_says_so(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(
        files(
            {"ana": 1}, calendar="office", reps=BEN, pools=SPARE, pool_options=", overflow: spare"
        )
    )
    desk.now = NIGHT
    warm, hot = await desk.route(scored("w@w.example", tier=TierName.WARM), scored("h@h.example"))
    assert warm.status is AssignmentStatus.HELD
    assert (hot.status, hot.pool) == (AssignmentStatus.ASSIGNED, "spare")
    assert hot.rep is not None
    assert hot.rep.id == "ben"
    await desk.publish(
        files({"ana": 1}, calendar="office", reps=BEN, pools=SPARE,
              pool_options=", overflow: spare, nobody_free: overflow")
    )  # fmt: skip
    later = MONDAY_NINE + timedelta(seconds=1)
    (also,) = await desk.route(scored("x@x.example", tier=TierName.WARM, at=later))
    assert also.status is AssignmentStatus.HELD, "one who waits already ranks before"
    (first, second) = await desk.drained()
    assert {first.pool, second.pool} == {"spare"}


async def test_route_anyway_asks_for_no_hours(open_desk: OpenDesk) -> None:
    desk = await open_desk(
        files({"ana": 1}, calendar="office", pool_options=", nobody_free: route_anyway")
    )
    desk.now = NIGHT
    (given,) = await desk.route(scored())
    assert given.status is AssignmentStatus.ASSIGNED
    assert "nobody was free" in given.reason


async def test_after_the_longest_hold_of_its_tier_a_lead_goes_to_the_catch_all(
    open_desk: OpenDesk,
) -> None:
    big = "  - {id: big, when: {company.headcount: {gte: 500}}, pool: enterprise}"
    enterprise = "  - {id: enterprise, role: sdr, members: [eve], max_hold: {hot: 30m, warm: 2d}}"
    eve = BEN.replace("ben", "eve").replace("Ben", "Eve").replace("always", "office")
    desk = await open_desk(files({"ana": 1}, rules=big, reps=eve, pools=enterprise))
    desk.now = NIGHT
    facts = {"headcount": 900}
    hot, warm = await desk.route(
        scored("h@h.example", facts=facts), scored("w@w.example", facts=facts, tier=TierName.WARM)
    )
    assert (hot.status, warm.status) == (AssignmentStatus.HELD, AssignmentStatus.HELD)
    desk.later(minutes=29)
    assert await desk.drained() == []
    desk.later(minutes=1)
    (given,) = await desk.drained()
    assert (given.lead_id, given.pool) == (hot.lead_id, "desk")
    assert "held too long" in given.reason


async def test_colleagues_who_waited_together_get_one_owner(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, calendar="office"))
    desk.now = NIGHT
    await desk.route(scored("a@acme.example", at=NIGHT), scored("b@acme.example", at=NIGHT))
    desk.now = MONDAY_NINE
    given = await desk.drained()
    assert len(given) == 2
    assert len({one.rep.id for one in given if one.rep}) == 1


async def test_two_drains_give_each_hold_once(open_desk: OpenDesk) -> None:
    config = files({"ana": 1, "ben": 1}, calendar="office")
    one, two = await open_desk(config), await open_desk(config)
    one.now = two.now = NIGHT
    await one.route(*many(4, at=NIGHT))
    one.now = two.now = MONDAY_NINE
    await asyncio.gather(one.drained(), two.drained())
    rows = await one.fetch("select status, sequence from routing.story order by sequence, lead_id")
    assert [row["status"] for row in rows] == ["held"] * 4 + ["assigned"] * 4
    assert one.metrics.hold.labels("hot")._sum.get() + two.metrics.hold.labels("hot")._sum.get() > 0


async def test_caps_count_and_open_again(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}, rep_options=", caps: {hour: 2, day: 3}"))
    changed = await desk.route(*many(4))
    assert [one.status.value for one in changed] == ["assigned", "assigned", "held", "held"]
    assert changed[2].held_until == MONDAY_NINE + timedelta(minutes=15)
    desk.later(hours=1)
    (third,) = await desk.drained()
    assert third.submission_id == changed[2].submission_id
    desk.later(hours=1)
    assert await desk.drained() == []
    desk.later(days=1)
    assert len(await desk.drained()) == 1


async def test_the_open_cap_frees_with_an_accept(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}, rep_options=", caps: {open: 1}"))
    first, second = await desk.route(*many(2))
    assert second.status is AssignmentStatus.HELD
    assert await desk.drained() == []
    woken = desk.woken
    await desk.act(first.assignment_id, "accept", "ana")
    assert desk.woken == woken + 1
    (given,) = await desk.drained()
    assert given.submission_id == second.submission_id


async def test_whoever_is_paused_by_command_gets_nothing(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.paused("ana")
    changed = await desk.route(*many(3))
    assert {one.rep.id for one in changed if one.rep} == {"ben"}
    assert (await desk.fairness())["ben"][0] == 3
