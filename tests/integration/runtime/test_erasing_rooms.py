"""What each room forgets of a lead, on tables as they are: nothing is left that is theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from schemas.base import Lane
from schemas.erasure import LeadErased
from services.capture.store import erasing as capture
from services.cli.erase import ROOMS, Erasure, answers
from services.delivery.store import erasing as delivery
from services.enrichment.providers.contract import Outcome, Question
from services.enrichment.store import calls
from services.enrichment.store import erasing as enrichment
from services.enrichment.store.calls import Began, Order
from services.response.store import erasing as response
from services.routing.store import erasing as routing
from services.runtime import erasure
from services.runtime.erasure import Forgotten
from services.scoring.store import erasing as scoring
from tests.integration.runtime.test_pruning_rooms import conn, put
from tests.support.examples import good

__all__ = ["conn"]

LEAD, STRANGER = uuid4(), uuid4()
LATER = datetime(2100, 1, 1, tzinfo=UTC)
Forget = Callable[[Any, LeadErased], Awaitable[Forgotten]]
FORGET: dict[str, Forget] = {
    "capture": capture.forget,
    "enrichment": enrichment.forget,
    "scoring": scoring.forget,
    "routing": routing.forget,
    "response": response.forget,
    "delivery": delivery.forget,
}

NOT_THEIRS = {
    "capture": {
        "deliveries": "by its key a sender's retry is no new hand-raise; no word about anybody",
        "spool": "empty once it has its end, which every submission has",
        "fetches": "empty once it has ended; before, nobody knows whose it is",
        "mail_domains": "companies",
        "feeds": "tools",
    },
    "enrichment": {
        "answers": "found by the questions that the ledger names",
        "spend": "sums",
        "flights": "hashes, for seconds",
        "companies": "companies",
    },
    "scoring": {"signals": "companies", "jobs": "reports, over ids"},
    "routing": {
        "accounts": "locks",
        "pools": "locks",
        "reps": "locks",
        "turns": "sums",
        "announced": "versions",
        "rep_changes": "reps",
        "people_told": "reps",
        "overlays": "reps",
        "leave_feeds": "reps",
        "companies": "companies",
        "company_keys": "companies",
        "realignments": "what operators did",
        "jobs": "reports, over ids",
    },
    "response": {
        "people": "reps",
        "progress": "offsets",
        "feed": "tools",
        "plans": "sums",
    },
    "delivery": {
        "sinks": "tools",
        "people": "reps",
        "crm_owners": "reps",
        "crm_streams": "tools",
        "logins": "tools",
        "unsubscribed": "who wants to hear nothing more, as a hash: so that this is kept",
    },
}
"""Why a table of a room has no row that goes with a lead."""
OF_THE_SHELL = {"inbox", "outbox", "erased"}


@pytest.mark.parametrize("room", ROOMS)
async def test_every_table_is_known_to_erasure(conn: asyncpg.Connection, room: str) -> None:
    """A new table: name in HELD which of its rows are a lead's, and delete them in `forget`; or say
    above why it has none."""
    rows = await conn.fetch(
        "select table_name from information_schema.tables"
        " where table_schema = $1 and table_type = 'BASE TABLE' and table_name <> 'migrations'",
        room,
    )
    held = {table.partition(".")[2] for table in ROOMS[room]}
    assert {row[0] for row in rows} == held | NOT_THEIRS[room].keys() | OF_THE_SHELL


BESIDE = {"delivery.deliveries", "capture.touches", "routing.attempts", "routing.history"}
"""Others hang on these."""


async def filled(conn: asyncpg.Connection, room: str, lead: UUID) -> None:
    """A row or more of the lead in each of the room's tables."""
    own = {name for name, of in ROOMS[room].items() if of.startswith("lead_id = $1")}
    captured = good("lead.captured.v1", "chat-phone-only")
    given: dict[str, dict[str, object]] = {
        "enrichment.jobs": {"captured": captured, "lane": "live"},
        "enrichment.promises": {"token": lead.bytes},
    }
    for table in sorted(own - BESIDE):
        await put(conn, table, lead_id=lead, **given.get(table, {}))
    match room:
        case "capture":
            submission = uuid4()
            await put(conn, "capture.touches", lead_id=lead, submission_id=submission)
            await put(conn, "capture.outcomes", submission_id=submission)
            kept = good("submission.received.v1", "api-idempotency-key")
            await put(
                conn, "capture.quarantine", submission_id=submission, submission=kept,
                disposition="quarantined",
            )  # fmt: skip
        case "routing":
            attempt = uuid4()
            of_both = {"lead_id": lead, "assignment_id": attempt, "status": "held"}
            await put(conn, "routing.attempts", **of_both)
            await put(conn, "routing.history", **of_both)
            number = await conn.fetchval(
                "insert into routing.realignments (config_version, by, reason, untouched_for_days,"
                " started_at, finished_at) values ('v', 'x', '', 1, now(), now()) returning id"
            )
            await put(
                conn, "routing.realignment_moves", realignment=number, kind="lead",
                subject=str(lead), assignment_id=attempt,
            )  # fmt: skip
            await put(conn, "routing.unmatched", event=f'{{"lead_id": "{lead}"}}')
        case "delivery":
            one, attempt = uuid4(), uuid4()
            await put(
                conn, "delivery.deliveries", lead_id=lead, delivery_id=one, assignment_id=attempt
            )
            await put(conn, "delivery.attempts", delivery_id=one)
            await put(conn, "delivery.messages", subject=lead)
            await put(conn, "delivery.messages", subject=attempt)
            await put(conn, "delivery.early", assignment_id=attempt)


@pytest.mark.parametrize("room", ROOMS)
async def test_nothing_is_left_and_nobody_else_is_touched(
    conn: asyncpg.Connection, room: str
) -> None:
    for lead in (LEAD, STRANGER):
        await filled(conn, room, lead)
    strangers = await erasure.count(conn, ROOMS[room], STRANGER)
    assert strangers.keys() == ROOMS[room].keys(), "there was something to forget in every table"
    assert await erasure.count(conn, ROOMS[room], LEAD) == strangers
    async with conn.transaction():
        await FORGET[room](conn, LeadErased(lead_id=LEAD, erased_at=LATER))
    assert await erasure.count(conn, ROOMS[room], LEAD) == {}
    assert await erasure.count(conn, ROOMS[room], STRANGER) == strangers


async def test_answers_about_the_person_go_and_what_they_cost_stays(
    conn: asyncpg.Connection,
) -> None:
    for question in ("about them", "about their company"):
        await put(conn, "enrichment.answers", provider="p", question=question)
    personal = {"lead_id": LEAD, "provider": "p", "cost": 7}
    await put(conn, "enrichment.calls", question="about them", **personal)
    await put(conn, "enrichment.calls", question=None, **personal)
    async with conn.transaction():
        await enrichment.forget(conn, LeadErased(lead_id=LEAD, erased_at=LATER))
    assert await conn.fetchval("select sum(micros) from enrichment.ledger") == 14
    left = await conn.fetch("select question from enrichment.answers")
    assert [row[0] for row in left] == ["about their company"]


async def test_an_answer_that_comes_afterwards_is_not_kept(conn: asyncpg.Connection) -> None:
    asked = Question("p", "person", {"email": "a@b.example"}), Question("p", "co", {"domain": "b"})
    known = []
    for question in asked:
        order = Order(question, LEAD, Lane.LIVE, 0, {}, 60.0)
        async with conn.transaction():
            begun = await calls.begin(conn, order)
        assert isinstance(begun, Began)
        async with conn.transaction():
            await enrichment.forget(conn, LeadErased(lead_id=LEAD, erased_at=LATER))
        async with conn.transaction():
            known.append(await calls.end(conn, begun, question, Outcome.MATCHED, 0))
    assert known == [False, True], "what was learnt of a company is"


async def test_a_submission_that_waits_for_an_answer_has_its_end(conn: asyncpg.Connection) -> None:
    captured = good("lead.captured.v1", "chat-phone-only")
    for published in (False, True):
        await put(
            conn, "enrichment.jobs", lead_id=LEAD, lane="live", captured=captured,
            published=published,
        )  # fmt: skip
    async with conn.transaction():
        found = await enrichment.forget(conn, LeadErased(lead_id=LEAD, erased_at=LATER))
    [end] = found.outputs
    assert end.topic == "leads.captured.v1.enrichment.dlq"


async def test_who_has_not_answered_is_named(conn: asyncpg.Connection) -> None:
    for room in ROOMS:
        leads = [LEAD, STRANGER] if room != "scoring" else [LEAD]
        if room != "delivery":
            await erasure.remember(conn, room, leads, LATER)
    asked = Erasure([LEAD, STRANGER], {}, None, LATER)
    await answers(conn, asked, 0.0)
    assert asked.silent == ["scoring", "delivery"], "an answer is about every lead of the person"


async def test_numbers_of_a_new_life_go_on(conn: asyncpg.Connection) -> None:
    """Events without an input have their ids by them, which consumers have seen."""
    for room, column in (("enrichment", "revision"), ("scoring", "score_revision")):
        await put(conn, f"{room}.leads", lead_id=LEAD, **{column: 7})
        async with conn.transaction():
            found = await FORGET[room](conn, LeadErased(lead_id=LEAD, erased_at=LATER))
        assert found.last == 7
