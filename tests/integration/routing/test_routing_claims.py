"""Pull pools: leads are offered, one member claims each, and what nobody claims goes by turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import cast
from uuid import UUID

import asyncpg
import pytest

from schemas.assignment import AssignmentStatus, RequestAction
from schemas.base import TierName
from services.routing.answer import Request
from services.routing.claims_http import router
from services.routing.http import router as requests_router
from services.routing.life import Refusal, Refused
from services.routing.review import fairness
from services.routing.review.books import recorded_traffic
from services.routing.review.compare import with_record
from services.routing.review.ledger import Entry
from services.routing.review.simulation import simulate
from services.runtime.apikeys import Scope
from services.runtime.configfile import ConfigError
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files, many, plan, scored
from tests.integration.routing.test_routing_requests import requested
from tests.integration.routing.web import client_of

S = AssignmentStatus
PULL = ", pull: {within: 30m}"
DAY = timedelta(days=1)


async def claim(desk: Desk, assignment_id: UUID, rep: str) -> Refusal | str:
    """Why not, else who has it now."""
    request = Request(RequestAction.ACCEPT, rep, claim=True)
    outcome = await desk.requests.now(assignment_id, request)
    assert outcome is not None
    verdict = outcome.answered.verdict
    return verdict.why if isinstance(verdict, Refused) else str(outcome.last.rep_id)


async def test_a_lead_is_offered_and_whoever_claims_it_has_it(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, pool_options=PULL))
    (offered,) = await desk.route(scored())
    assert (offered.status, offered.rep) == (S.HELD, None)
    assert offered.offered_until == desk.now + timedelta(minutes=30)
    desk.later(minutes=10)
    assert await desk.drained() == []
    given, accepted = await desk.ask(
        requested(offered.assignment_id, RequestAction.ACCEPT, rep_id="ben", claim=True)
    )
    assert [(one.status, one.rep and one.rep.id) for one in (given, accepted)] == [
        (S.ASSIGNED, "ben"),
        (S.ACCEPTED, "ben"),
    ]
    assert given.assignment_id == offered.assignment_id
    assert "claimed it" in given.reason
    assert await claim(desk, offered.assignment_id, "ben") == "ben"  # a retry
    assert await claim(desk, offered.assignment_id, "ana") is Refusal.OVER
    # Both were entitled to half of it, and it was ben's turn.
    assert await desk.fairness() == {"ana": (0, -0.5), "ben": (1, 0.5)}


async def test_of_two_processes_exactly_one_gives_it_away(open_desk: OpenDesk) -> None:
    team = files({"ana": 1, "ben": 1, "cleo": 1}, pool_options=PULL)
    desks = [await open_desk(team), await open_desk(team)]
    offered = await desks[0].route(*many(12))
    reps = ("ana", "ben", "cleo")
    asked = [
        (one.assignment_id, rep, claim(desk, one.assignment_id, rep))
        for one in offered
        for desk, rep in zip((*desks, desks[0]), reps, strict=True)
    ]
    came = await asyncio.gather(*(claiming for _, _, claiming in asked))
    won = Counter(id_ for (id_, rep, _), outcome in zip(asked, came, strict=True) if outcome == rep)
    assert won == Counter([one.assignment_id for one in offered])
    assert set(came) <= {*reps, Refusal.OVER}
    assert sum(count for count, _ in (await desks[0].fairness()).values()) == 12


async def test_what_nobody_claims_goes_by_turn(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, pool_options=PULL))
    first, second = await desk.route(*many(2))
    await claim(desk, first.assignment_id, "ana")
    desk.later(minutes=30, seconds=1)
    (pushed,) = await desk.drained()
    # Whoever claims little is owed the next one.
    assert (pushed.assignment_id, pushed.status) == (second.assignment_id, S.ASSIGNED)
    assert pushed.rep is not None
    assert pushed.rep.id == "ben"


async def test_nobody_queues_behind_what_is_offered_and_other_tiers_go_at_once(
    open_desk: OpenDesk,
) -> None:
    options = ", pull: {within: 30m, tiers: [warm, nurture]}"
    desk = await open_desk(files({"ana": 1}, pool_options=options))
    warm, hot = await desk.route(
        scored("w@w.example", tier=TierName.WARM), scored("h@h.example", tier=TierName.HOT)
    )
    assert (warm.status, hot.status) == (S.HELD, S.ASSIGNED)


async def test_claims_keep_to_caps_and_membership_not_to_hours(open_desk: OpenDesk) -> None:
    desk = await open_desk(
        files(
            {"ana": 1, "ben": 1}, pool_options=PULL, calendar="office",
            by_rep={"ana": ", caps: {day: 1}"},
        )
    )  # fmt: skip
    desk.later(hours=-2)  # before anybody works
    first, second = await desk.route(*many(2, at=desk.now))
    assert await claim(desk, first.assignment_id, "ana") == "ana"
    assert await claim(desk, second.assignment_id, "ana") is Refusal.BARRED
    assert await claim(desk, second.assignment_id, "sam") is Refusal.NO_MEMBER
    await desk.paused("ben")
    assert await claim(desk, second.assignment_id, "ben") is Refusal.BARRED


async def test_a_claim_that_is_no_turn_changes_nobody_s_account(open_desk: OpenDesk) -> None:
    options = ", pull: {within: 30m, charge_turn: false}"
    desk = await open_desk(files({"ana": 1, "ben": 1}, pool_options=options))
    (one,) = await desk.route(scored())
    await claim(desk, one.assignment_id, "ana")
    assert await desk.fairness() == {}


async def test_the_ledger_tells_claims_and_a_simulation_repeats_them(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, pool_options=PULL))
    offered = await desk.route(*many(6))
    desk.later(minutes=5)
    for one, rep in zip(offered, ("ana", "ana", "ben", "ana"), strict=False):
        await claim(desk, one.assignment_id, rep)
    for minute in range(26):  # each second in truth; one a minute has the same end
        desk.later(minutes=1, seconds=minute == 25)
        await desk.drained()
    async with desk.pool.acquire() as connection:
        period = desk.now - DAY, desk.now + DAY
        lines = await fairness.ledger(connection, "desk", *period)
        traffic = await recorded_traffic(cast(asyncpg.Connection, connection), *period)
    claims = Counter(line.rep for line in lines if line.entry is Entry.CLAIMED)
    assert claims == {"ana": 3, "ben": 1}
    same = simulate(desk.config.current.value, "same", traffic)
    moved = [pair for pair in with_record(same) if pair.moved]
    assert (moved, same.ignored) == ([], 0)
    # Under a configuration that gives instead of offering there is nothing to claim.
    pushed = simulate(plan({"ana": 1, "ben": 1}), "other", traffic)
    assert pushed.ignored == 4


async def test_over_http(open_desk: OpenDesk) -> None:
    pools = "  - {id: given, role: sdr, members: [ana]}"
    desk = await open_desk(files({"ana": 1, "ben": 1}, pool_options=PULL, pools=pools))
    (offered,) = await desk.route(scored(facts={"headcount": 90}))
    client = await client_of(desk, router(desk.pool, desk.config), Scope.ASSIGNMENTS_ACT)
    (listed,) = (await client.get("/v1/pools/desk/claims")).json()
    assert listed["assignment_id"] == str(offered.assignment_id)
    assert "ann@" not in str(listed)
    assert (await client.get("/v1/pools/given/claims")).status_code == 404
    assert "did you mean desk?" in (await client.get("/v1/pools/dsk/claims")).json()["detail"]

    async def unused(*_: object) -> list[dict[str, object]]:
        return []

    acting = await client_of(
        desk, requests_router(desk.requests.now, unused, desk.staff), Scope.ASSIGNMENTS_ACT
    )
    url = f"/v1/assignments/{offered.assignment_id}/claim"
    assert (await acting.post(url, json={"rep_id": "sam"})).status_code == 403
    assert (await acting.post(url, json={"rep_id": "ana"})).json()["status"] == "accepted"
    late = await acting.post(url, json={"rep_id": "ben"})
    assert (late.status_code, late.json()["owner"]) == (409, "ana")


def test_an_offer_that_outlasts_the_longest_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="hot leads are held for at most"):
        plan(pool_options=", pull: {within: 2d}")
