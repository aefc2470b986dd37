"""Rules that split their leads, on a real database: arms stay, are counted and repeated."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any, cast

import asyncpg

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import RequestAction
from services.routing.experiments_http import router
from services.routing.review.books import recorded_traffic
from services.routing.review.compare import with_record
from services.routing.review.experiments import report, splits
from services.routing.review.simulation import simulate
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files, many, scored
from tests.integration.routing.test_routing_requests import requested
from tests.integration.routing.web import client_of

RULES = """\
  - id: demos
    when: {kind: demo_request}
    split: {experiment: fast, BY arms: [
      {name: usual, weight: 1, pool: desk}, {name: new, weight: 1, pool: other},
      {name: without, weight: 1, holdout: true}]}"""
DAY = timedelta(days=1)


def team(by: str = "") -> dict[str, str]:
    return files(
        rules=RULES.replace("BY", by), pools="  - {id: other, role: sdr, members: [ana, ben]}"
    )


async def told(desk: Desk) -> dict[str, Any]:
    async with desk.pool.acquire() as connection:
        period = desk.now - DAY, desk.now + DAY
        found = await report(connection, splits(desk.config.current.value), "fast", *period)
    return {arm["arm"]: arm for arm in found["arms"]}


async def test_an_arm_is_in_the_event_and_stays_when_the_lead_returns(open_desk: OpenDesk) -> None:
    desk = await open_desk(team())
    given = await desk.route(*many(60))
    arms = Counter(one.experiments["fast"] for one in given)
    assert min(arms["usual"], arms["new"], arms["without"]) > 8
    ends = {(one.experiments["fast"], one.pool, one.rule_path) for one in given}
    assert ends == {
        ("usual", "desk", "routing.yaml#/rules/0"),
        ("new", "other", "routing.yaml#/rules/0"),
        ("without", "desk", "routing.yaml#/catch_all"),
    }
    # Released, it comes again as a lead of a new cycle; given back, the next attempt keeps it.
    one, back = given[0], given[1]
    assert back.rep is not None
    await desk.ask(requested(one.assignment_id, RequestAction.RELEASE, rep_id="sam.ops"))
    (again,) = await desk.route(scored("p0@p0.example", revision=2))
    assert (again.cycle, again.experiments) == (2, one.experiments)
    rejected = requested(back.assignment_id, RequestAction.REJECT, rep_id=back.rep.id)
    _, following = await desk.ask(rejected)
    assert (following.attempt, following.experiments) == (2, back.experiments)


async def test_colleagues_share_an_arm_and_are_their_owners_not_the_experiments(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(team("by: account,"))
    given = await desk.route(*many(20))
    second = await desk.route(*(scored(f"other{n}@p{n}.example") for n in range(20)))
    assert [one.experiments for one in second] == [{}] * 20  # the owner has them, whatever the rule
    assert len({one.experiments["fast"] for one in given}) == 3
    record = json.loads(
        (
            await desk.fetch(
                "select record::text as record from routing.history where lead_id = $1",
                second[0].lead_id,
            )
        )[0]["record"]
    )
    assert record["split"][0]["arm"] == given[0].experiments["fast"]


async def test_what_came_of_the_leads_is_counted_by_arm(open_desk: OpenDesk) -> None:
    desk = await open_desk(team())
    given = await desk.route(*many(30))
    new = [one for one in given if one.experiments["fast"] == "new"]
    desk.later(minutes=1)
    for activity, some in (("call_attempted", new[:3]), ("qualified", new[:2]), ("won", new[:1])):
        await desk.happens(
            *(
                ActivityRecorded(
                    activity=ActivityName(activity), actor=Actor.HUMAN, lead_id=one.lead_id,
                    occurred_at=desk.now, received_at=desk.now,
                    rep_id=one.rep.id if one.rep else None,
                )
                for one in some
            )
        )  # fmt: skip
    arm = (await told(desk))["new"]
    assert arm["leads"] == arm["assigned"]["count"] == len(new)
    assert {name: arm[name]["count"] for name in ("touched", "accepted", "qualified", "won")} == {
        "touched": 3, "accepted": 2, "qualified": 2, "won": 1,
    }  # fmt: skip
    assert arm["won"]["rate"]["low"] > 0
    assert arm["won"]["rate"]["high"] < 1
    assert (await told(desk))["usual"]["won"]["count"] == 0

    found = await answered(desk, "/v1/experiments/fast?from=2026-11-20T00:00:00Z")
    assert {one["arm"] for one in found["arms"]} == {"usual", "new", "without"}
    assert "did you mean fast?" in (await answered(desk, "/v1/experiments/fats"))["detail"]


async def answered(desk: Desk, path: str) -> Any:
    client = await client_of(desk, router(desk.pool, desk.config))
    return (await client.get(path)).json()


async def test_a_simulation_gives_every_lead_its_arm_again(open_desk: OpenDesk) -> None:
    desk = await open_desk(team())
    await desk.route(*many(40))
    async with desk.pool.acquire() as connection:
        traffic = await recorded_traffic(
            cast(asyncpg.Connection, connection), desk.now - DAY, desk.now + DAY
        )
    same = simulate(desk.config.current.value, "same", traffic)
    assert [pair for pair in with_record(same) if pair.moved] == []
