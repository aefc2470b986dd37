"""A CRM is read on from where it stopped; what people change there comes back once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from fastapi.responses import JSONResponse

from schemas.account import AccountChanged
from schemas.assignment import AssignmentStatus, RequestAction
from schemas.people import PersonChanged
from schemas.topics import ACCOUNTS
from services.delivery.config import HubSpotSink, SalesforceSink
from services.delivery.crm.changes import OUTCOMES, Changes
from services.delivery.crm.model import Halted, Stream
from services.delivery.crm.periodic import Periodic
from services.delivery.crm.sync import Crm, Sync
from services.delivery.following import Following
from services.delivery.sinks.registry import Registry
from services.delivery.store import crm as store
from services.delivery.store import people
from tests.integration.delivery.office import HERE, SECRETS, Office, office
from tests.support.changes import changed, next_attempt
from tests.support.crms import Org, Portal, listening
from tests.support.examples import good
from tests.support.waiting import eventually

EVERY = list(Stream)
MARA = PersonChanged.read(good("person.changed.v1", "working"))


@dataclass
class Desk:
    """A portal, the service that writes there, and what reads it."""

    portal: Portal
    office: Office
    sync: Sync
    crm: Crm

    async def read(self, *streams: Stream, full: bool = False) -> Any:
        return await self.sync.run(self.crm, streams or EVERY, full=full)

    async def told(self) -> list[AccountChanged]:
        rows = await self.office.rows(
            "select value from delivery.outbox where topic = $1 order by id", ACCOUNTS.name
        )
        return [AccountChanged.read(row["value"]) for row in rows]

    async def fault(self, stream: Stream) -> str | None:
        rows = await store.status(self.office.pool)
        return next(row["fault"] for row in rows if row["stream"] == stream.value)

    async def outcomes(self) -> list[tuple[str, str, str | None]]:
        rows = await store.changes(self.office.pool, 100)
        return sorted((row["owner"], row["outcome"], row["actor"]) for row in rows)


@asynccontextmanager
async def desk(dsn: str, **more: Any) -> AsyncIterator[Desk]:
    portal = Portal(now=datetime.now(UTC))
    async with listening(portal):
        sink = {
            "type": "hubspot", "token": "HUBSPOT", "base_url": portal.url,
            "allow_networks": HERE, **more,
        }  # fmt: skip
        async with office(dsn, {"hubspot": sink}) as it:
            yield _desk(portal, it)


def _desk(portal: Portal, it: Office) -> Desk:
    config = it.config.sinks["hubspot"]
    assert isinstance(config, HubSpotSink | SalesforceSink)
    reader = Registry(SECRETS, lambda: datetime.now(UTC)).reader(config)
    following = Following(it.outbox, lambda: datetime.now(UTC))
    changes = Changes(it.pool, following, it.metrics)
    sync = Sync(it.pool, it.outbox, changes, it.metrics, lambda: datetime.now(UTC))
    return Desk(portal, it, sync, Crm("hubspot", "hubspot", reader))


async def hired(it: Office, *emails: str, active: bool = True) -> None:
    """people.v1 tells of reps; the CRM's ids are not in teams.yaml."""
    told = [
        MARA.model_copy(
            update={
                "rep_id": email.partition("@")[0],
                "email": email,
                "external_ids": {},
                "active": active,
            }
        )
        for email in emails
    ]
    async with it.pool.acquire() as conn:
        await people.keep(conn, told)


async def test_companies_are_told_with_the_address_of_their_owner(postgres_dsn: str) -> None:
    async with desk(postgres_dsn) as it:
        it.portal.owner("711", "Ana@handraise.example", "Ana Ruiz")
        it.portal.company("1", name="Acme", domain="acme.example", hubspot_owner_id="711")
        it.portal.company("2", name="Bolt", hubspot_owner_id="999")
        it.portal.company("3", name="Coil")
        it.portal.archived = {"4": it.portal.now}
        done = await it.read()
        assert {one.stream: one.items for one in done} == {
            Stream.OWNERS: 1, Stream.ACCOUNTS: 4, Stream.CHANGES: 0,
        }  # fmt: skip
        told = {one.account_id: one for one in await it.told()}
        owners = [told[id_].owner for id_ in ("1", "2", "3")]
        assert owners == ["Ana@handraise.example", "999", ""]
        assert told["4"].deleted
        it.portal.company("2", at=datetime.now(UTC), name="Bolt", hubspot_owner_id="711")
        before = len(await it.told())
        await it.read()
        news = (await it.told())[before:]
        assert ("2", "Ana@handraise.example") in {(one.account_id, one.owner) for one in news}


async def test_a_reading_that_is_stopped_goes_on_behind_what_is_stored(postgres_dsn: str) -> None:
    async with desk(postgres_dsn) as it:
        for n in range(250):
            it.portal.company(str(n + 1), name=f"Company {n}")
        path = "/crm/v3/objects/companies"
        await it.read(Stream.OWNERS)
        read = await it.crm.reader.page(Stream.ACCOUNTS, None, None)
        assert len(read.items) == 100
        it.portal.fails_at[path] = [JSONResponse({}, 429, {"retry-after": "3"})]
        with pytest.raises(Halted) as halted:
            await it.read(Stream.ACCOUNTS)
        assert halted.value.after_s == 3.0
        assert await it.fault(Stream.ACCOUNTS) == "status_429"
        it.portal.fails_at[path] = []

        await _read_pages(it, 2)
        calls = it.portal.calls.count(f"GET {path}")
        await it.read(Stream.ACCOUNTS)
        assert it.portal.calls.count(f"GET {path}") - calls == 2, "the third page and the archive"
        assert {one.account_id for one in await it.told()} == set(it.portal.companies)
        assert await it.fault(Stream.ACCOUNTS) is None


async def _read_pages(it: Desk, pages: int) -> None:
    """The CRM fails after so many pages."""
    original, asked = it.crm.reader.page, 0

    async def page(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > pages:
            raise OSError("cut off")
        return await original(*arguments)

    it.crm.reader.page = page  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no answer"):
        await it.read(Stream.ACCOUNTS)
    it.crm.reader.page = original  # type: ignore[method-assign]


async def test_a_right_that_is_missing_stops_its_stream_only(postgres_dsn: str) -> None:
    async with desk(postgres_dsn) as it:
        it.portal.fails_at["/crm/v3/objects/companies"] = [JSONResponse({}, 403)]
        done = await it.read()
        assert [(one.stream, one.fault) for one in done] == [
            (Stream.OWNERS, None), (Stream.ACCOUNTS, "status_403"), (Stream.CHANGES, None),
        ]  # fmt: skip
        # What was never read to its end grows old from its first try on, however often it is tried.
        moved = "ended_at = ended_at - interval '1 h', known_at = known_at - interval '1 h'"
        await it.office.pool.execute(f"update delivery.crm_streams set {moved}")
        it.portal.fails_at["/crm/v3/objects/companies"] = [JSONResponse({}, 403)]
        await it.read()
        async with it.office.pool.acquire() as conn:
            ages = {stream: age for (_, stream), age in (await store.ages(conn)).items()}
        old = {stream for stream, age in ages.items() if age > 3600}
        assert old == {Stream.ACCOUNTS.value}


async def _owned(it: Desk, email: str = "dana@acme.example") -> Any:
    """A lead whose owner we wrote: Ana's."""
    it.portal.owner("711", "ana@handraise.example", "Ana Ruiz", user="71")
    it.portal.owner("712", "ben@handraise.example", "Ben Okoro", user="72")
    it.portal.owner("799", "zoe@elsewhere.example", "Zoe Ito", user="79")
    await hired(it.office, "ana@handraise.example", "ben@handraise.example")
    await it.read()
    rep = changed().rep
    assert rep is not None
    ana = rep.model_copy(
        update={"id": "ana", "name": "Ana", "email": "ana@handraise.example", "external_ids": {}}
    )
    event = changed(lead={"email": email}, rep=ana)
    await it.office.tell(event)
    await eventually(lambda: _is(it.office, event.sequence, "delivered"))
    assert it.portal.contacts[email]["hubspot_owner_id"] == "711", "found by address"
    return event


async def test_a_person_s_change_comes_back_once_as_a_request_with_its_author(
    postgres_dsn: str,
) -> None:
    async with desk(postgres_dsn) as it:
        event = await _owned(it)
        await it.read()
        assert it.office.published == [], "what we wrote ourselves is no news"
        it.portal.give("dana@acme.example", "712", user="71")
        await it.read()
        await it.read()
        [request] = it.office.published
        assert (request.action, request.assignment_id) == (
            RequestAction.REASSIGN, event.assignment_id,
        )  # fmt: skip
        assert (request.to_rep_id, request.rep_id) == ("ben", "ana")
        assert request.reason == "Ana Ruiz gave it to Ben Okoro in hubspot"
        assert await it.outcomes() == [("Ben Okoro", "asked", "Ana Ruiz")]


async def test_a_message_waits_for_the_owners_that_are_being_read(postgres_dsn: str) -> None:
    async with desk(postgres_dsn, sync={"every": "1h"}) as it:
        event = changed(lead={"email": "dana@acme.example"})
        assert event.rep is not None
        rep = event.rep.model_copy(update={"email": "ana@handraise.example", "external_ids": {}})
        it.portal.owner("711", "ana@handraise.example", "Ana Ruiz", user="71")
        await it.office.tell(event.model_copy(update={"rep": rep}))
        query = "select attempts from delivery.deliveries where due_at > clock_timestamp()"
        await eventually(lambda: it.office.rows(query))
        assert await it.office.rows(query) == [{"attempts": 0}], "nothing was tried"
        await it.read(Stream.OWNERS)
        await it.office.due()
        await eventually(lambda: _is(it.office, event.sequence, "delivered"))


async def test_the_answer_to_a_change_is_no_change(postgres_dsn: str) -> None:
    async with desk(postgres_dsn) as it:
        event = await _owned(it)
        it.portal.give("dana@acme.example", "712")
        await it.read()
        moved = _given(event, "ben", "ben@handraise.example")
        await it.office.tell(moved)
        await eventually(lambda: _is(it.office, moved.sequence, "delivered", "already"))
        await it.read()
        assert len(it.office.published) == 1
        it.portal.give("dana@acme.example", "711")
        await it.read()
        assert [one.to_rep_id for one in it.office.published] == ["ben", "ana"], "and back again"


async def test_what_a_worker_wrote_before_it_died_is_no_person_s_choice(postgres_dsn: str) -> None:
    async with desk(postgres_dsn) as it:
        first = await _owned(it)
        await hired(it.office, "zoe@elsewhere.example")
        it.portal.fails = [JSONResponse({}, 503, {"retry-after": "3600"})]
        second = _given(first, "ben", "ben@handraise.example")
        await it.office.tell(second)
        await eventually(lambda: _is(it.office, second.sequence, "waiting", "status_503"))
        it.portal.give("dana@acme.example", "712")  # it had arrived all the same
        await it.read()
        third = _given(second, "zoe", "zoe@elsewhere.example")
        await it.office.tell(third)
        await eventually(lambda: _is(it.office, third.sequence, "delivered"))
        assert await _is(it.office, second.sequence, "skipped", "overtaken")
        assert it.portal.contacts["dana@acme.example"]["hubspot_owner_id"] == "799"
        assert it.office.published == []


def _given(of: Any, rep_id: str, email: str) -> Any:
    moved = next_attempt(of, rep_id, rep_id.title())
    assert moved.rep is not None
    rep = moved.rep.model_copy(update={"email": email, "external_ids": {}})
    # The attempt after the next is another than the first again.
    attempt = uuid4()
    return moved.model_copy(update={"rep": rep, "assignment_id": attempt})


async def test_a_late_index_brings_nothing_back(postgres_dsn: str) -> None:
    async with desk(postgres_dsn) as it:
        await _owned(it)
        it.portal.give("dana@acme.example", "712")
        it.portal.indexed = {"dana@acme.example": dict(it.portal.contacts["dana@acme.example"])}
        it.portal.contacts["dana@acme.example"]["hubspot_owner_id"] = "711"
        await it.read()
        assert it.office.published == []


async def test_an_owner_whom_nobody_knows_is_said_and_followed_once_they_are_known(
    postgres_dsn: str,
) -> None:
    async with desk(postgres_dsn) as it:
        await _owned(it)
        it.portal.give("dana@acme.example", "799", user="72")
        await it.read()
        assert it.office.published == []
        assert await it.outcomes() == [("Zoe Ito", "owner_unknown", "Ben Okoro")]
        await hired(it.office, "zoe@elsewhere.example", active=False)
        await it.read()
        assert await it.outcomes() == [("Zoe Ito", "owner_inactive", "Ben Okoro")]
        await hired(it.office, "zoe@elsewhere.example")
        await it.read()
        assert [one.to_rep_id for one in it.office.published] == ["zoe"]
        assert await it.outcomes() == [("Zoe Ito", "asked", "Ben Okoro")]


async def test_a_lead_that_nobody_works_any_more_moves_nobody(postgres_dsn: str) -> None:
    async with desk(postgres_dsn) as it:
        event = await _owned(it)
        await it.office.tell(changed(AssignmentStatus.CLOSED, of=event))
        it.portal.give("dana@acme.example", "712")
        await it.read()
        assert it.office.published == []
        assert await it.outcomes() == [("Ben Okoro", "nobody_works_it", None)]


async def test_records_that_we_never_wrote_are_nobody_s_business(postgres_dsn: str) -> None:
    async with desk(postgres_dsn) as it:
        await _owned(it)
        it.portal.give("stranger@acme.example", "712")
        await it.read()
        assert it.office.published == []
        assert await it.outcomes() == []


async def test_salesforce_a_person_s_change_comes_back_too(postgres_dsn: str) -> None:
    org = Org(now=datetime.now(UTC))
    async with listening(org):
        sink = {
            "type": "salesforce", "instance_url": org.url, "client_id": "app",
            "client_secret": "SALESFORCE", "allow_networks": HERE,
        }  # fmt: skip
        async with office(postgres_dsn, {"hubspot": sink}) as it:
            at = _desk(Portal(), it)
            at.crm = Crm("hubspot", "salesforce", at.crm.reader)
            org.user("005A", "ana@handraise.example", "Ana Ruiz")
            org.user("005B", "ben@handraise.example", "Ben Okoro")
            await hired(it, "ana@handraise.example", "ben@handraise.example")
            await at.read()
            rep = changed().rep
            assert rep is not None
            ana = rep.model_copy(update={"email": "ana@handraise.example", "external_ids": {}})
            event = changed(lead={"email": "dana@acme.example"}, rep=ana)
            await it.tell(event)
            await eventually(lambda: _is(it, 1, "delivered"))
            await at.read()
            assert it.published == []
            org.give("dana@acme.example", "005B", "005A")
            await at.read()
            await at.read()
            assert [(one.to_rep_id, one.reason) for one in it.published] == [
                ("ben", "Ana Ruiz gave it to Ben Okoro in hubspot")
            ]


async def _is(it: Office, sequence: int, state: str, reason: str | None = None) -> bool:
    found = (await it.states()).get(("hubspot", sequence))
    return found is not None and found[0] == state and reason in (None, found[1])


async def test_what_may_go_wrong_is_counted_before_it_does(postgres_dsn: str) -> None:
    """Else Prometheus sees no increase in the first, and no alert tells of it."""
    async with desk(postgres_dsn, sync={"every": "1h"}) as it:
        registry = Registry(SECRETS, lambda: datetime.now(UTC))
        metrics = it.office.metrics
        periodic = Periodic(lambda: it.office.config, registry, it.office.pool, it.sync, metrics)
        running = asyncio.create_task(periodic.run())
        try:
            ends = partial(_counted, it, "read_ends", stream=Stream.CHANGES.value)
            await eventually(lambda: ends() == 1.0, 60)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert {_counted(it, "halts", stream=stream.value) for stream in EVERY} == {0.0}
        assert {_counted(it, "owner_changes", outcome=outcome) for outcome in OUTCOMES} == {0.0}


def _counted(it: Desk, what: str, **labels: str) -> float | None:
    name = f"handraise_crm_{what}_total"
    return it.office.metrics.registry.get_sample_value(name, {"sink": "hubspot", **labels})
