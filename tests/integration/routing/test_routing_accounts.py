"""Owner first, by the accounts table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from schemas.account import AccountChanged
from schemas.assignment import AssignmentStatus
from schemas.cloudevents import Envelope
from schemas.topics import ACCOUNTS
from services.routing.accounts import Accounts
from services.routing.accounts_feed import AccountsFeed
from services.runtime.records import Record
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files, many, scored

TEAM = {"ana": 1, "ben": 1, "cleo": 1}
HEADER = (
    "id,name,domains,aliases,country,owner,opportunity_owner,customer_owner,open_opportunity,"
    "customer\n"
)


async def imported(desk: Desk, *lines: str) -> None:
    report = await Accounts(desk.pool, desk.config).bring_in(HEADER + "\n".join(lines))
    assert not report.faults


async def record_of(desk: Desk, lead_id: object) -> dict[str, Any]:
    rows = await desk.fetch(
        "select record from routing.story where lead_id = $1 order by sequence desc limit 1",
        lead_id,
    )
    return dict(rows[0]["record"])


async def test_the_owner_of_the_open_deal_comes_before_the_accounts(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(TEAM))
    await imported(
        desk,
        "a,Acme GmbH,acme.example,,DE,ben,cleo,,yes,yes",
        "b,Bolt,bolt.example,,DE,ben,cleo,ana,no,yes",
        "c,Coil,coil.example,,DE,ben,cleo,,no,no",
    )
    deal, customer, plain = await desk.route(
        scored("p@acme.example"), scored("p@bolt.example"), scored("p@coil.example")
    )
    assert [one.rep and one.rep.id for one in (deal, customer, plain)] == ["cleo", "ana", "ben"]
    assert "owns the account, with which a deal is open" in deal.reason
    found = await record_of(desk, customer.lead_id)
    assert found["owner"] == [{"level": "customer", "rep": "ana", "lost": None}]
    assert (found["account"]["matched"], found["account"]["by"]) == ("b", "domain")
    assert found["features"]["account.customer"] is True


async def test_an_unknown_owner_falls_through_to_the_next_level(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(TEAM))
    await imported(desk, "a,Acme,acme.example,,DE,ben,zoe@elsewhere.example,,yes,no")
    (one,) = await desk.route(scored("p@acme.example"))
    assert one.rep is not None
    assert one.rep.id == "ben"
    assert (await record_of(desk, one.lead_id))["owner"] == [
        {"level": "open_opportunity", "rep": "zoe@elsewhere.example", "lost": "unknown"},
        {"level": "account", "rep": "ben", "lost": None},
    ]


async def test_colleagues_under_an_alias_have_one_owner(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(TEAM))
    await imported(desk, "a,Acme,acme.example,acme-group.example,DE,,,,no,no")
    changed = await desk.route(
        scored("p1@acme.example"), *many(2), scored("p2@acme-group.example"), *many(2, prefix="q")
    )
    (later,) = await desk.route(scored("p3@acme-group.example", facts={"country": "DE"}))
    first = changed[0].rep
    assert first is not None
    assert changed[3].rep == first == later.rep


async def test_free_mail_with_a_close_name_and_the_country_finds_the_account(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files(TEAM))
    await imported(desk, "a,Acme Industries GmbH,acme.example,,DE,cleo,,,no,no")
    private = scored("p@gmail.com", facts={"company": "ACME Industrie", "country": "DE"})
    lead = private.lead.model_copy(update={"account_key": str(private.lead.lead_id)})
    (one,) = await desk.route(private.model_copy(update={"lead": lead}))
    assert one.rep is not None
    assert one.rep.id == "cleo"
    assert (await record_of(desk, one.lead_id))["account"]["by"] == "name"


async def test_rules_may_ask_about_the_account(open_desk: OpenDesk) -> None:
    rule = "  - {id: customers, when: {account.customer: true}, nurture: true}"
    desk = await open_desk(files(TEAM, rules=rule))
    await imported(desk, "a,Acme,acme.example,,DE,,,,no,yes")
    customer, other = await desk.route(scored("p@acme.example"), scored("p@other.example"))
    assert (customer.status, other.status) == (
        AssignmentStatus.NURTURED,
        AssignmentStatus.ASSIGNED,
    )


def office(routing: str) -> dict[str, str]:
    """Ana works from nine to five, the others always."""
    found = files(TEAM, routing=routing)
    found["teams.yaml"] = found["teams.yaml"].replace("calendar: always", "calendar: office", 1)
    return found


async def test_a_lead_waits_for_its_owner_and_nobody_behind_it(open_desk: OpenDesk) -> None:
    desk = await open_desk(office("owner: {away: wait, wait_at_most: 16h}"))
    await imported(desk, "a,Acme,acme.example,,DE,ana,,,no,no")
    desk.later(hours=9)  # 18:00
    (held,) = await desk.route(scored("p@acme.example"))
    assert (held.status, held.rep) == (AssignmentStatus.HELD, None)
    assert held.held_until is not None
    assert held.held_until.hour == 9
    assert "waits for Ana Test, who owns the account and is back 2026-11-24 09:00" in held.reason
    others = await desk.route(*many(2, at=desk.now))
    assert {one.status for one in others} == {AssignmentStatus.ASSIGNED}
    assert await desk.drained() == []
    desk.later(hours=15)
    (given,) = await desk.drained()
    assert given.rep is not None
    assert (given.rep.id, given.assignment_id) == ("ana", held.assignment_id)


@pytest.mark.parametrize("most", ["4h", "16h"])
async def test_an_owner_who_is_away_for_too_long_is_not_waited_for(
    open_desk: OpenDesk, most: str
) -> None:
    desk = await open_desk(office(f"owner: {{away: wait, wait_at_most: {most}}}"))
    await imported(desk, "a,Acme,acme.example,,DE,ana,,,no,no")
    desk.later(hours=9)
    (one,) = await desk.route(scored("p@acme.example"))
    assert (one.rep is None) == (most == "16h")


async def test_import_tells_what_it_did_and_a_dry_run_changes_nothing(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(TEAM))
    accounts = Accounts(desk.pool, desk.config)
    lines = "id,name,domains,owner\na,Acme,acme.example,ana\nb,Bolt,bolt.example,zoe\n"
    tried = await accounts.bring_in(lines, dry_run=True)
    assert (tried.created, tried.updated, len(tried.notes)) == (2, 0, 1)
    assert await accounts.find("acme.example") == []
    await accounts.bring_in(lines)
    again = await accounts.bring_in(lines.replace("Bolt", "Bolt & Sons"))
    assert (again.created, again.updated, again.unchanged) == (0, 1, 1)
    (found,) = await accounts.find("www.bolt.example")
    assert found.name == "Bolt & Sons"
    assert await accounts.remove(["b"]) == ["b"]
    assert await accounts.find("bolt.example") == []


async def test_what_a_crm_says_of_a_company_finds_its_owner(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(TEAM))
    feed = AccountsFeed(desk.outbox)
    await imported(desk, "a,Acme,acme.example,,DE,ben,cleo,,yes,no")
    person = desk.config.current.value.teams.rep["ana"].email
    said = [
        crm_says("a", name="Acme GmbH", owner=person),
        crm_says("b", name="Bolt", domains=("bolt.example",), owner=""),
        crm_says("b", name="Bolt", domains=("bolt.example",), owner=person),
        crm_says("c", name="Coil", domains=("coil.example",), owner=person),
        crm_says("c", deleted=True),
    ]
    await feed.handle(said)
    await feed.handle(said)
    deal, owned, gone = await desk.route(
        scored("p@acme.example"), scored("p@bolt.example"), scored("p@coil.example")
    )
    assert deal.rep is not None
    assert owned.rep is not None
    assert (deal.rep.id, owned.rep.id) == ("cleo", "ana"), "the deal is still open"
    assert "account" not in gone.reason
    rows = await desk.fetch("select company_id, owners from routing.companies order by 1")
    assert [(row["company_id"], row["owners"].get("account")) for row in rows] == [
        ("a", person), ("b", person),
    ]  # fmt: skip


def crm_says(account_id: str, **values: Any) -> Record[AccountChanged]:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    event = AccountChanged(account_id=account_id, source="crm", changed_at=at, **values)
    envelope = Envelope(id=uuid4(), type=event.TYPE, source="/test", subject=event.subject, time=at)
    return Record(event, envelope, ACCOUNTS.name, 0, 0, account_id.encode(), event.encode(), ())
