"""What is no lead: by a rule or by a rep, it leaves sales, and nobody is charged for it."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import asyncpg
import pytest

from schemas.assignment import AssignmentStatus, Diverted, RequestAction
from schemas.base import KindName
from services.routing.review import fairness
from services.routing.review.books import recorded_traffic
from services.routing.review.compare import report, with_record
from services.routing.review.ledger import Entry
from services.routing.review.simulation import simulate
from services.runtime.configfile import ConfigError
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.leads import files, many, plan, scored
from tests.integration.routing.test_routing_requests import requested

S = AssignmentStatus
DAY = timedelta(days=1)
RULE = "  - {id: help, when: {kind: chat}, divert: {kind: support}}"
TO = "diversions: {support: help@example.com, applicant: jobs@example.com}"
HELP = Diverted(kind="support", to="help@example.com")


async def test_a_rule_sends_it_out_of_sales_and_the_next_submission_starts_anew(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files(rules=RULE, routing=TO))
    await desk.route(scored("cto@acme.example"))  # an owner, who is not asked
    (over,) = await desk.route(scored(kind=KindName.CHAT))
    assert (over.status, over.rep, over.pool, over.diverted) == (S.CLOSED, None, None, HELP)
    assert "no lead but support" in over.reason
    rows = await desk.fetch("select ended from routing.history where lead_id = $1", over.lead_id)
    assert rows == [{"ended": "diverted"}]
    (anew,) = await desk.route(scored(revision=2))
    assert (anew.status, anew.cycle, anew.diverted) == (S.ASSIGNED, 2, None)


async def test_a_rep_says_so_and_the_turn_is_given_back_however_often(open_desk: OpenDesk) -> None:
    options = "attempts: {turns_returned_per_day: 0}\n" + TO
    desk = await open_desk(files({"ana": 1, "ben": 1}, routing=options))
    given = await desk.route(*many(4))
    anas = [one for one in given if one.rep and one.rep.id == "ana"]
    for one in anas:
        ask = requested(one.assignment_id, RequestAction.REJECT, rep_id="ana", divert="support")
        (over,) = await desk.ask(ask)
        assert (over.status, over.diverted) == (S.CLOSED, HELP)
        assert await desk.ask(ask) == []  # said again
    # Of the two that were leads ana was entitled to one.
    assert await desk.fairness() == {"ana": (0, -1.0), "ben": (2, 1.0)}
    async with desk.pool.acquire() as connection:
        lines = await fairness.ledger(connection, "desk", desk.now - DAY, desk.now + DAY)
    returned = [one for one in lines if one.entry is Entry.RETURNED and one.rep == "ana"]
    assert sum(one.turns for one in returned) == -2


async def test_only_the_rep_rejects_it_so_and_anybody_releases_it_so(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}, routing=TO, calendar="office"))
    (one,) = await desk.route(scored())
    wrong = requested(one.assignment_id, RequestAction.REJECT, rep_id="ben", divert="support")
    assert await desk.ask(wrong) == []
    desk.later(hours=12)
    (held,) = await desk.route(scored("bo@bo.example", at=desk.now))
    assert held.status is S.HELD
    (over,) = await desk.ask(
        requested(held.assignment_id, RequestAction.RELEASE, rep_id="sam.ops", divert="vendor")
    )
    assert (over.status, over.diverted) == (S.CLOSED, Diverted(kind="vendor", to=None))
    desk.later(hours=12)
    assert await desk.drained() == []


async def test_a_simulation_diverts_them_again(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, rules=RULE, routing=TO))
    given = await desk.route(*many(4), *many(3, prefix="c", kind=KindName.CHAT))
    ask = requested(given[0].assignment_id, RequestAction.RELEASE, rep_id="ops", divert="vendor")
    await desk.ask(ask)
    await desk.route(*many(4, prefix="q"))
    async with desk.pool.acquire() as connection:
        period = desk.now - DAY, desk.now + DAY
        traffic = await recorded_traffic(cast(asyncpg.Connection, connection), *period)
    pairs = with_record(simulate(desk.config.current.value, "same", traffic))
    assert [pair for pair in pairs if pair.moved] == []
    ends = report(pairs, ("old", "new"), period[1])["ends"]
    assert ends["old"] == ends["new"]
    assert ends["new"]["diverted"] == 3


async def test_what_waits_is_not_diverted_by_what_is_asked_later_nor_in_a_simulation(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files({"ana": 1}, rules=RULE, routing=TO, calendar="office"))
    desk.later(hours=-1)
    (held,) = await desk.route(scored(at=desk.now))
    desk.later(minutes=10)
    (asks,) = await desk.route(scored(revision=2, kind=KindName.CHAT, at=desk.now))
    assert (held.status, asks.status, asks.diverted) == (S.HELD, S.HELD, None)
    desk.later(minutes=50)
    (given,) = await desk.drained()
    assert (given.assignment_id, given.status) == (held.assignment_id, S.ASSIGNED)
    async with desk.pool.acquire() as connection:
        period = desk.now - DAY, desk.now + DAY
        traffic = await recorded_traffic(cast(asyncpg.Connection, connection), *period)
    pairs = with_record(simulate(desk.config.current.value, "same", traffic))
    assert (pairs[0].new.status, pairs[0].moved) == ("assigned", False)


def test_a_kind_without_a_destination_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"support goes where\? say to"):
        plan(rules=RULE)
    with pytest.raises(ConfigError, match="did you mean support"):
        plan(rules=RULE.replace("kind: support", "kind: suport"), routing=TO)
    own = plan(rules=RULE.replace("kind: support", "kind: support, to: desk 3"))
    assert own.rules[0].target.divert == Diverted(kind="support", to="desk 3")
