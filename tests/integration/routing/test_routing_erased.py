"""A lead is forgotten: what was decided adds up, and comes out the same when it is repeated."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import AssignmentStatus, RequestAction
from schemas.base import Lane
from schemas.erasure import LeadErased
from schemas.topics import ASSIGNMENTS_CURRENT, ERASURES, SCORED
from services.routing.fairness import UNIT
from services.routing.store.erasing import forget
from services.runtime.erasure import Eraser
from services.runtime.records import Output
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk, record
from tests.integration.routing.leads import files, lead_id, many, scored
from tests.integration.routing.test_routing_experiments import team
from tests.integration.routing.test_routing_ledger import _ledger
from tests.integration.routing.test_routing_requests import requested

WHO = "p1@p1.example"
HOUR = timedelta(hours=1)


async def erase(desk: Desk, who: str = WHO, at: datetime | None = None) -> list[Output]:
    await published(desk)
    event = LeadErased(lead_id=lead_id(who), erased_at=at or desk.now + HOUR)
    made = list(await Eraser("routing", desk.outbox, forget).handle([record(event, ERASURES)]))
    desk.published += made
    return made


async def published(desk: Desk) -> None:
    """As after the sweep that follows: every row is marked."""
    await desk.outbox.mark()
    await desk.pool.execute("update routing.outbox set created_at = now() - interval '1 minute'")
    await desk.outbox.sweep()


async def everything(desk: Desk) -> str:
    """Every row of routing's tables as text."""
    tables = await desk.fetch(
        "select table_name from information_schema.tables"
        " where table_schema = 'routing' and table_type = 'BASE TABLE'"
    )
    found = ""
    for table in tables:
        rows = await desk.pool.fetch(f"select t::text from routing.{table['table_name']} t")
        found += "".join(row[0] for row in rows)
        if table["table_name"] == "outbox":
            values = await desk.pool.fetch("select coalesce(value, '') from routing.outbox")
            found += "".join(row[0].decode() for row in values)
    return found


async def standings(desk: Desk) -> list[dict[str, Any]]:
    return await desk.fetch("select member, count, entitlement from routing.turns order by 1")


async def test_turns_and_their_account_are_as_before(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 2, "ben": 1, "cleo": 1}))
    given = await desk.route(*many(9))
    one = given[1]
    assert one.rep is not None
    said = "she is on holiday, says p1@p1.example"
    await desk.ask(
        requested(one.assignment_id, RequestAction.REJECT, rep_id=one.rep.id, reason=said)
    )
    before = await standings(desk)
    assert WHO in await everything(desk)
    await erase(desk)
    assert await standings(desk) == before
    turns, shares = Counter[str](), Counter[str]()
    for line in await _ledger(desk):
        turns[line.rep] += line.turns
        shares[line.rep] += line.share
    assert {row["member"]: row["count"] for row in before} == dict(turns)
    for row in before:
        assert abs(shares[row["member"]] - row["entitlement"]) < UNIT // 1000
    left = await everything(desk)
    assert WHO not in left
    assert "holiday" not in left


async def test_whoever_keeps_the_latest_hears_that_there_is_none(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    await desk.route(*many(2))
    [gone] = await erase(desk)
    assert (gone.topic, gone.value) == (ASSIGNMENTS_CURRENT.name, None)
    assert gone.key == str(lead_id(WHO)).encode()
    rows = await desk.fetch("select status from routing.attempts where closed_by = 'erased'")
    assert [row["status"] for row in rows] == ["closed"]
    ends = await desk.fetch("select status from routing.history where status = 'closed'")
    assert len(ends) == 1, "no simulation takes the lead for open"


async def test_the_arms_of_an_experiment_are_those_that_the_lead_had(open_desk: OpenDesk) -> None:
    """That its decision comes out the same, the fixture asks in the end."""
    desk = await open_desk(team())
    given = await desk.route(*many(12))
    for nth in range(12):
        await erase(desk, f"p{nth}@p{nth}.example")
    arms = await desk.fetch("select arm, count(*) from routing.experiments group by arm")
    assert {row["arm"]: row["count"] for row in arms} == Counter(
        one.experiments["fast"] for one in given
    )


async def test_a_new_hand_raise_is_decided_and_an_older_event_is_not(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    first = (await desk.route(*many(2)))[1]
    late = record(scored(WHO, revision=2), SCORED)
    await erase(desk)
    [end] = await desk.outputs([late], Lane.LIVE)
    assert end.topic == SCORED.dead_letters("routing")
    desk.later(hours=2)
    [again] = await desk.route(scored(WHO, revision=3, at=desk.now))
    assert again.status is AssignmentStatus.ASSIGNED
    assert again.sequence > first.sequence, "no consumer has seen its number"
    assert again.lead.email == WHO


async def test_an_attempt_that_is_younger_stays_with_its_rep(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    first = (await desk.route(*many(2)))[1]
    at = desk.now + HOUR
    desk.later(hours=2)
    await desk.ask(requested(first.assignment_id, RequestAction.RELEASE, rep_id="sam.ops"))
    [again] = await desk.route(scored(WHO, revision=2, at=desk.now))
    assert await erase(desk, at=at) == []
    rows = await desk.fetch(
        "select assignment_id, status from routing.attempts where lead_id = $1", lead_id(WHO)
    )
    assert [(row["assignment_id"], row["status"]) for row in rows] == [
        (again.assignment_id, "assigned")
    ]


async def test_what_others_said_of_the_person_goes(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    await desk.route(*many(2))
    told = ActivityRecorded(
        activity=ActivityName.CALL_CONNECTED, occurred_at=desk.now, received_at=desk.now,
        actor=Actor.HUMAN, email=WHO, external_id="c1", source="dialler",
    )  # fmt: skip
    await desk.happens(told)
    await erase(desk)
    assert WHO not in await everything(desk)
