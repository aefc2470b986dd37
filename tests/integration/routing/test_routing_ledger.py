"""The account of a pool adds up to its standings, and says who was passed over and why."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import timedelta

import pytest

from schemas.assignment import RequestAction
from schemas.base import TierName
from services.routing.fairness import UNIT
from services.routing.fairness_http import router
from services.routing.review import fairness
from services.routing.review.ledger import Entry, Line
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files, many, scored
from tests.integration.routing.test_routing_requests import requested
from tests.integration.routing.web import client_of

DAY = timedelta(days=1)


async def _ledger(desk: Desk, pool: str = "desk") -> list[Line]:
    async with desk.pool.acquire() as connection:
        return await fairness.ledger(connection, pool, desk.now - DAY, desk.now + DAY)


async def _busy(desk: Desk) -> str:
    """Turns, a colleague, a reject, a correction and a pause; gives who was paused."""
    await desk.route(*many(6), *many(3, prefix="w", tier=TierName.WARM))
    await desk.route(scored("ann@acme.example"))
    await desk.route(scored("bob@acme.example"))
    first, second = (await desk.route(*many(2, prefix="r")))[:2]
    assert first.rep is not None
    assert second.rep is not None
    await desk.ask(
        requested(first.assignment_id, RequestAction.REJECT, rep_id=first.rep.id, reason="no fit"),
        requested(
            second.assignment_id, RequestAction.REASSIGN, rep_id="sam.ops", correction=True,
            to_rep_id="cleo" if second.rep.id != "cleo" else "ana",
        ),
    )  # fmt: skip
    await desk.paused("ben")
    await desk.route(*many(4, prefix="q"))
    return second.rep.id


async def test_the_lines_add_up_to_the_standings(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 2, "ben": 1, "cleo": 1}))
    wrong = await _busy(desk)
    lines = await _ledger(desk)
    turns, shares = Counter[str](), Counter[str]()
    for line in lines:
        turns[line.rep] += line.turns
        shares[line.rep] += line.share
    stored = await desk.fetch("select member, count, entitlement from routing.turns")
    assert {row["member"]: row["count"] for row in stored} == turns
    assert {row["member"]: row["entitlement"] for row in stored} == shares
    assert sum(shares.values()) % UNIT == 0
    skipped = Counter((line.rep, line.reason) for line in lines if line.entry is Entry.SKIPPED)
    assert skipped["ben", "paused"] == 4
    (taken,) = [line for line in lines if line.entry is Entry.TAKEN]
    assert (taken.rep, taken.by) == (wrong, "sam.ops")
    (by_hand,) = [line for line in lines if line.entry is Entry.BY_HAND]
    assert (by_hand.by, by_hand.turns) == ("sam.ops", 1)
    assert len([line for line in lines if line.entry is Entry.OWNER]) == 1


async def test_the_report_tells_each_member_s_account(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 2, "ben": 1, "cleo": 1}))
    await _busy(desk)
    async with desk.pool.acquire() as connection:
        report = await fairness.report(connection, "desk", desk.now - DAY, desk.now + DAY)
        with pytest.raises(fairness.UnknownPool, match="desk"):
            await fairness.report(connection, "dsek", desk.now - DAY, desk.now + DAY)
    for member in report["members"]:
        account = report["accounts"][member["id"]]
        assert account["turns"] == member["count"]
        assert account["entitled"] == pytest.approx(member["entitlement"])
        assert account["leads"] >= 1
        assert 0 < account["hot_share"] <= 1
    assert report["accounts"]["ben"]["skipped"]["paused"] == 4
    everyone = report["accounts"].values()
    assert sum(account["moved_to"].get("sam.ops", 0) for account in everyone) == 1
    assert sum(account["moved_away"].get("sam.ops", 0) for account in everyone) == 1


async def test_over_http(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    await desk.route(*many(4))
    client = await client_of(desk, router(desk.pool))
    period = {"from": desk.now.isoformat()}
    report = await client.get("/v1/fairness/desk", params=period | {"until": "2027-01-01T00:00Z"})
    assert [one["count"] for one in report.json()["members"]] == [2, 2]
    lines = await client.get(
        "/v1/fairness/desk/ledger", params=period | {"until": "2027-01-01T00:00Z", "rep": "ana"}
    )
    rows = list(csv.DictReader(io.StringIO(lines.text)))
    assert Counter(row["entry"] for row in rows) == {"given": 2, "passed": 2}
    assert (await client.get("/v1/fairness/dsek")).status_code == 404
