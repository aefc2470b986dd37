"""Territories dealt out anew on a real database: who moves, who stays, cut off, undone."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.assignment import RequestAction
from services.routing.accounts import Accounts
from services.routing.answer import Request
from services.routing.review.moves import Move
from services.routing.staff import Author
from services.routing.staff import realigning as module
from services.routing.staff.realigning import Asked, Realigning, counts
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files, many, scored

BY = Author("ops", "Q1")
OLD = """
tables:
  field:
    rows:
      - {territory: dach, pool: desk, country: DE}
"""
NEW = OLD.replace("pool: desk", "pool: field")
RULE = "  - {id: field, when: {tier: [hot]}, territory: field}"
FIELD: dict[str, Any] = {
    "reps": "".join(
        f"  - {{id: {rep}, name: {rep.title()} Test, email: {rep}@example.com, role: sdr,"
        " time_zone: UTC, calendar: always}\n"
        for rep in ("eve", "fay")
    ),
    "pools": "  - {id: field, role: sdr, members: [eve, fay]}",
    "rules": RULE,
}
ACCOUNTS = """id,name,domains,country,owner,open_opportunity
1,Acme,acme.example,DE,ana,no
2,Bolt,bolt.example,DE,ana,yes
3,Coil,coil.example,FR,ana,no
"""


async def published(open_desk: OpenDesk) -> tuple[Desk, Realigning]:
    """Five German strangers and one of each account, then other territories."""
    desk = await open_desk({**files({"ana": 1, "ben": 1}, **FIELD), "territories.yaml": OLD})
    await Accounts(desk.pool, desk.config).bring_in(ACCOUNTS)
    facts = {"company_country": "DE"}
    await desk.route(*many(5, facts=facts))
    for who in ("a@acme.example", "b@bolt.example", "c@coil.example"):
        await desk.route(scored(who, facts=facts))
    await desk.publish({**files({"ana": 1, "ben": 1}, **FIELD), "territories.yaml": NEW})
    async with desk.pool.acquire() as connection, connection.transaction():
        await desk.config.locked(connection)
    return desk, Realigning(desk.pool, desk.config, desk.clock, desk.requests)


def told(moves: list[Move]) -> dict[str, tuple[str, str | None, str]]:
    return {one.name or one.id: (one.was, one.to, one.why.value) for one in moves}


async def owners(desk: Desk) -> dict[str, str]:
    rows = await desk.fetch(
        "select lead_id::text, rep_id from routing.attempts"
        " where status in ('assigned', 'reassigned', 'accepted')"
    )
    return {row["lead_id"]: row["rep_id"] for row in rows}


async def test_what_lies_elsewhere_now_moves_and_deals_stay(open_desk: OpenDesk) -> None:
    _, realigning = await published(open_desk)
    moves = await realigning.rehearse(Asked())
    accounts = told([one for one in moves if one.kind == "account"])
    assert accounts["Acme"][2] == "territory"
    assert accounts["Bolt"] == ("ana", None, "open_opportunity")
    assert accounts["Coil"] == ("ana", None, "no_territory")
    leads = [one for one in moves if one.kind == "lead"]
    acme = next(one for one in leads if one.name == "Acme")
    assert acme.why.value == "with_account"
    assert acme.to == accounts["Acme"][1], "a lead follows its account"
    assert not any(one.name in ("Bolt", "Coil") and one.to for one in leads)
    shares = sorted(one.to or "" for one in leads if one.to is not None)
    assert shares == ["eve"] * 3 + ["fay"] * 3, "by weight, the smaller book first"
    assert {one.to_pool for one in leads if one.to} == {"field"}


async def test_moves_cost_no_turn_and_can_be_undone(open_desk: OpenDesk) -> None:
    desk, realigning = await published(open_desk)
    before, turns = await owners(desk), await desk.fairness("field")
    wanted = {one.id: one.to for one in await realigning.rehearse(Asked()) if one.to}
    made = await realigning.run(BY, Asked())
    assert (made["moved"], made["skipped"], made["finished"]) == (7, [], True)
    after = await owners(desk)
    assert {lead: rep for lead, rep in after.items() if rep != before[lead]} == {
        lead: rep for lead, rep in wanted.items() if lead in before
    }
    assert await desk.fairness("field") == turns
    (story,) = await desk.fetch(
        "select reason, pool from routing.history where status = 'expired' limit 1"
    )
    assert "territories realigned (1): Q1" in story["reason"]
    assert [one for one in await realigning.rehearse(Asked()) if one.to] == []

    back = await realigning.undo(BY, made["realignment"])
    assert (back["moved"], back["finished"]) == (7, True)
    assert await owners(desk) == before
    (account,) = await Accounts(desk.pool, desk.config).find("acme.example")
    assert account.owners["account"] == "ana"
    (past,) = await realigning.every()
    assert (past["moves"], past["done"], past["undone"]) == (7, 7, 7)


async def test_who_was_touched_stays_and_what_moved_meanwhile_is_left(open_desk: OpenDesk) -> None:
    desk, realigning = await published(open_desk)
    strangers = [one for one in await realigning.rehearse(Asked()) if one.name is None]
    first, second, *_ = strangers
    assert first.assignment_id is not None
    await desk.act(first.assignment_id, "accept", first.was)
    desk.later(days=3)
    assert counts(await realigning.rehearse(Asked(7)))["leads"]["stays: touched_lately"] == 1
    assert "stays: touched_lately" not in counts(await realigning.rehearse(Asked(2)))["leads"]

    begun = await realigning._begun(BY, Asked(7))
    assert second.assignment_id is not None
    other = "ben" if second.was == "ana" else "ana"
    by_hand = Request(RequestAction.REASSIGN, "maya", "knows them", to=other)
    await desk.requests.now(second.assignment_id, by_hand)
    made = await realigning.run(BY, Asked(7))
    assert made["realignment"] == begun["id"], "what was begun is gone on with"
    assert made["skipped"] == [{"kind": "lead", "subject": second.id, "why": "over"}]


async def test_cut_off_before_it_was_noted_it_goes_on(
    open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, realigning = await published(open_desk)
    monkeypatch.setattr(module, "_BATCH", 3)

    async def dies(*_: object) -> None:
        raise RuntimeError("the process dies")

    with monkeypatch.context() as broken:
        broken.setattr(module._Work, "note", dies)
        with pytest.raises(RuntimeError):
            await realigning.run(BY, Asked())
    moves = [one for one in await realigning.rehearse(Asked()) if one.to]
    made = await realigning.run(BY, Asked())
    assert (made["moved"], made["skipped"], made["finished"]) == (7, [], True)
    assert len(moves) <= 7
    assert [one for one in await realigning.rehearse(Asked()) if one.to] == []
