"""Why a lead is where it is, over HTTP: in words and as data."""

from __future__ import annotations

from uuid import uuid4

from services.runtime.apikeys import Scope
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.leads import files, many, scored
from tests.integration.routing.test_routing_requests import client_of

RULES = "\n".join(
    f"  - {{id: r{n}, when: {{company.headcount: {{gte: {1_000 + n}}}}}, pool: desk}}"
    for n in range(120)
)


async def test_the_decision_is_told_in_words_and_as_data(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 2}, rules=RULES))
    await desk.route(*many(3))
    (changed,) = await desk.route(scored(facts={"headcount": 40}))
    assert changed.rep is not None
    await desk.act(changed.assignment_id, "reject", changed.rep.id)
    client = await client_of(desk, Scope.DECISIONS_READ)
    answer = await client.http.get(f"/v1/leads/{changed.lead_id}/decision")
    assert answer.status_code == 200
    story = answer.json()
    assert [one["status"] for one in story["changes"]] == ["assigned", "rejected", "reassigned"]
    assert story["decision"] == story["changes"][-1]
    first = await client.http.get(f"/v1/leads/{changed.lead_id}/decision", params={"sequence": 1})
    decision = first.json()["decision"]
    words = "\n".join(decision["words"])
    assert "score revision 1, tier hot (fit 40, intent 60, in all 100)" in words
    assert "owner of the account: nobody has a colleague" in words
    assert "rule r0: no (company.headcount is at least 1000: 40)" in words
    assert "… 20 more rules: no" in words
    assert "rule r60:" not in words
    assert "rule r119: no (company.headcount is at least 1119: 40)" in words
    assert "ana, ben eligible" in words
    assert "weight 2, count" in words
    assert decision["record"]["choice"]["rep"] == changed.rep.id
    assert len(decision["record"]["tried"]) == 100
    rejected = story["changes"][1]
    assert rejected["words"] == [
        f"request: reject by {changed.rep.id}",
        f"{changed.rep.id} gets the turn in pool desk back",
    ]
    again = story["changes"][-1]["words"]
    assert f"not again to {changed.rep.id}" in again
    assert f"  {changed.rep.id} had this lead before" in again


async def test_who_may_ask_and_about_whom(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    (changed,) = await desk.route(scored())
    other = await client_of(desk, Scope.ASSIGNMENTS_ACT)
    path = f"/v1/leads/{changed.lead_id}/decision"
    assert (await other.http.get(path)).status_code == 403
    client = await client_of(desk, Scope.DECISIONS_READ)
    unknown = await client.http.get(f"/v1/leads/{uuid4()}/decision")
    assert (unknown.status_code, unknown.headers["content-type"]) == (
        404, "application/problem+json",
    )  # fmt: skip
    assert (await client.http.get("/v1/leads/nobody/decision")).status_code == 422
