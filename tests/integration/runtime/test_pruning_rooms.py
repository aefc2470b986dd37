"""What each room lets go of, on tables as they are: old and over goes, everything else stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cli.prune import ROOMS
from services.cli.retention import RetentionFile
from services.delivery.store import crm
from services.runtime.database import prepare
from services.runtime.pruning import Keep, prune
from tests.support.assignments import LeadLife
from tests.support.up import in_process

KEEP = RetentionFile(stories=timedelta(days=700)).keep()
Case = tuple[str, dict[str, object], bool]
"""Table, what of the row counts (a number in a column of times: days ago), whether it goes."""

_FILLED = {
    "uuid": uuid4,
    "text": lambda: str(uuid4()),
    "integer": lambda: 1,
    "bigint": lambda: 1,
    "smallint": lambda: 1,
    "boolean": lambda: False,
    "bytea": lambda: b"",
    "date": lambda: date(2026, 1, 1),
    "double precision": lambda: 0.0,
    "jsonb": dict,
    "ARRAY": list,
}


@pytest.fixture
async def conn(postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(postgres_dsn)
    await prepare(opened)
    yield opened
    await opened.close()


async def put(conn: asyncpg.Connection, table: str, **given: object) -> None:
    """A row, with anything in the columns that must be given; days ago where a time is one."""
    schema, _, name = table.partition(".")
    columns = await conn.fetch(
        "select column_name, data_type, is_nullable = 'NO' and column_default is null"
        " and is_identity = 'NO' as needed from information_schema.columns"
        " where table_schema = $1 and table_name = $2",
        schema,
        name,
    )
    now = await conn.fetchval("select now()")
    row: dict[str, Any] = {}
    for column, kind, needed in columns:
        if column in given:
            value = given[column]
            is_age = kind == "timestamp with time zone" and value is not None
            row[column] = now - timedelta(days=value) if is_age else value  # type: ignore[arg-type]
        elif needed:
            is_time = kind == "timestamp with time zone"
            row[column] = now - timedelta(days=900) if is_time else _FILLED[kind]()
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    names = ", ".join(f'"{column}"' for column in row)
    await conn.execute(f"insert into {table} ({names}) values ({places})", *row.values())


async def pruned(conn: asyncpg.Connection, room: str) -> dict[str, int]:
    return {one.table: one.rows async for one in prune(conn, room, ROOMS[room], KEEP)}


BOXES: list[Case] = [
    case
    for room in ROOMS
    for case in (
        (f"{room}.inbox", {"at": 62}, True),
        (f"{room}.inbox", {"at": 60.9}, False),
        (f"{room}.erased", {"erased_at": 62}, True),
        (f"{room}.erased", {"erased_at": 60.9}, False),
        (f"{room}.outbox", {"created_at": 62, "published_at": 62}, True),
        (f"{room}.outbox", {"created_at": 62, "published_at": None}, False),
        (f"{room}.outbox", {"created_at": 60.9, "published_at": 60.9}, False),
    )
]
OTHERS: list[Case] = [
    ("capture.deliveries", {"expires_at": 29}, True),
    ("capture.deliveries", {"expires_at": 27}, False),
    ("capture.deliveries", {"expires_at": -1}, False),
    ("capture.fetches", {"lane": "live", "created_at": 99, "ended_at": 62}, True),
    ("capture.fetches", {"lane": "live", "created_at": 99, "ended_at": 60}, False),
    ("capture.fetches", {"lane": "live", "created_at": 99, "ended_at": None}, False),
    ("capture.quarantine", {"disposition": "rejected", "created_at": 29}, True),
    ("capture.quarantine", {"disposition": "quarantined", "created_at": 27}, False),
    ("capture.quarantine",
     {"disposition": "quarantined", "created_at": 99, "released_at": 3}, False),
    ("capture.quarantine",
     {"disposition": "quarantined", "created_at": 99, "released_at": 29}, True),
    ("capture.spool", {"lane": "live", "stored_at": 99, "ended_at": 91}, True),
    ("capture.spool", {"lane": "live", "stored_at": 99, "ended_at": 89}, False),
    ("capture.spool", {"lane": "live", "stored_at": 999, "ended_at": None}, False),
    ("enrichment.jobs", {"deadline": 999}, False),
    ("enrichment.leads", {"updated_at": 999}, False),
    ("enrichment.revisions", {"at": 701}, True),
    ("enrichment.revisions", {"at": 699}, False),
    ("scoring.activities", {"waits_until": 91, "lead_id": None, "account_key": None}, True),
    ("scoring.activities", {"waits_until": 89, "lead_id": None, "account_key": None}, False),
    ("scoring.activities", {"waits_until": 999, "lead_id": uuid4()}, False),
    ("scoring.activities", {"waits_until": 999, "account_key": "acme.example"}, False),
    ("scoring.scores", {"at": 9999}, False),
    ("routing.history", {"at": 9999}, False),
    ("routing.leads", {"erased_at": 62}, True),
    ("routing.leads", {"erased_at": 60}, False),
    ("routing.leads", {"erased_at": None}, False),
    ("routing.unmatched", {"kept_until": 91}, True),
    ("routing.unmatched", {"kept_until": 89}, False),
    ("response.clocks", {"state": "fired", "ended_at": 91}, True),
    ("response.clocks", {"state": "stopped", "ended_at": 91}, True),
    ("response.clocks", {"state": "stopped", "ended_at": 89}, False),
    ("response.clocks", {"state": "running", "due_at": 999, "ended_at": None}, False),
    ("response.clocks", {"state": "running", "ended_at": 999}, False),
    ("response.unmatched", {"at": 92, "waits_until": 91}, True),
    ("response.unmatched", {"at": 92, "waits_until": -1}, False),
    ("response.history", {"at": 701}, True),
    ("response.history", {"at": 699}, False),
    ("delivery.deliveries", {"state": "delivered", "done_at": 91}, True),
    ("delivery.deliveries", {"state": "dead", "done_at": 91}, True),
    ("delivery.deliveries", {"state": "skipped", "done_at": 89}, False),
    ("delivery.deliveries", {"state": "waiting", "created_at": 999}, False),
    ("delivery.deliveries", {"state": "waiting", "done_at": 999}, False),
    ("delivery.attempts", {"at": 91}, True),
    ("delivery.attempts", {"at": 89}, False),
    ("delivery.crm_changes", {"seen_at": 91}, True),
    ("delivery.crm_changes", {"seen_at": 89}, False),
    ("delivery.late_answers", {"at": 701}, True),
    ("delivery.late_answers", {"at": 699}, False),
]  # fmt: skip


async def test_what_is_old_and_over_goes_and_everything_else_stays(
    conn: asyncpg.Connection,
) -> None:
    wrong = []
    for table, row, goes in [*BOXES, *OTHERS]:
        undo = conn.transaction()
        await undo.start()
        await put(conn, table, **row)
        await pruned(conn, table.partition(".")[0])
        if await conn.fetchval(f"select count(*) from {table}") != (0 if goes else 1):
            wrong.append((table, row, goes))
        await undo.rollback()
    assert wrong == []


def test_every_table_that_is_pruned_has_a_row_that_goes_and_one_that_stays() -> None:
    listed = {one.table for tables in ROOMS.values() for one in tables}
    for goes in (True, False):
        assert {table for table, _, gone in [*BOXES, *OTHERS] if gone is goes} >= listed


async def test_every_table_is_found_by_its_age(conn: asyncpg.Connection) -> None:
    """A migration may not leave a table that is deleted from every night without its index."""
    for tables in ROOMS.values():
        for one in tables:
            if one.keep is Keep.STORIES:
                continue  # kept for ever where nobody asks; an index would cost every lead
            found = await conn.fetchval(
                "select count(*) from pg_index i join pg_attribute a"
                " on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
                " where i.indrelid = $1::regclass and a.attname = $2",
                one.table,
                one.age,
            )
            assert found, f"{one.table} has no index on {one.age}"


def test_a_timer_needs_nothing_but_postgres(postgres_dsn: str, tmp_path: Path) -> None:
    alone = {"HANDRAISE_POSTGRES__DSN": postgres_dsn, "HANDRAISE_CONFIG": str(tmp_path)}
    done = in_process("prune", "--json", env=alone)
    assert json.loads(done.stdout)["rows"] == 0, done.stderr


def test_the_doctor_says_where_no_timer_runs(postgres_dsn: str) -> None:
    def pruning() -> tuple[str, str]:
        done = in_process("doctor", "--json", env={"HANDRAISE_POSTGRES__DSN": postgres_dsn})
        findings = json.loads(done.stdout)["findings"]
        ((state, detail),) = [
            (one["state"], one["detail"]) for one in findings if one["check"] == "pruning"
        ]
        return state, detail

    async def old() -> None:
        conn = await asyncpg.connect(postgres_dsn)
        await put(conn, "routing.inbox", at=71)
        await conn.close()

    assert pruning() == ("ok", "nothing waits for it")
    asyncio.run(old())
    state, detail = pruning()
    assert (state, "for 10 days" in detail) == ("note", True), detail
    assert in_process("prune", env={"HANDRAISE_POSTGRES__DSN": postgres_dsn}).returncode == 0
    assert pruning()[0] == "ok"


async def test_what_is_about_an_attempt_that_somebody_has_stays(conn: asyncpg.Connection) -> None:
    mine, over = uuid4(), uuid4()
    for assignment, active in ((mine, True), (over, False)):
        await put(conn, "delivery.current", assignment_id=assignment, active=active)
        await put(
            conn, "delivery.deliveries", assignment_id=assignment, state="delivered", done_at=999
        )
        await put(conn, "delivery.crm_changes", assignment_id=assignment, seen_at=999)
    done = await pruned(conn, "delivery")
    assert (done["delivery.deliveries"], done["delivery.crm_changes"]) == (1, 1)
    assert await conn.fetchval("select assignment_id from delivery.deliveries") == mine
    assert await conn.fetchval("select assignment_id from delivery.crm_changes") == mine


Told = tuple[str, int]
"""State and days since it was done."""


@given(
    told=st.lists(
        st.tuples(
            st.sampled_from(["waiting", "delivered", "skipped", "dead"]), st.integers(80, 120)
        ),
        max_size=6,
    )
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_what_waits_or_may_have_been_written_finds_what_it_looks_back_at(
    conn: asyncpg.Connection, told: list[Told]
) -> None:
    """Whatever goes: a message that never certainly arrived does not seem to be news again."""
    undo = conn.transaction()
    await undo.start()
    life = LeadLife()
    for sequence, (state, days) in enumerate(told, 1):
        event = life.given("dana.lee")
        await put(
            conn, "delivery.deliveries", lead_id=life.lead_id, sink="crm", sequence=sequence,
            attempts=1, state=state, done_at=None if state == "waiting" else days,
            event=event.encode(),
        )  # fmt: skip
    before = [one.sequence for one in await crm.attempted(conn, "crm", life.lead_id)]
    await pruned(conn, "delivery")
    after = [one.sequence for one in await crm.attempted(conn, "crm", life.lead_id)]
    left = await conn.fetch("select sequence, state from delivery.deliveries")
    await undo.rollback()
    assert set(after) <= set(before)
    young = {n for n, (_, days) in enumerate(told, 1) if days < 90}
    assert set(before) & young <= set(after)
    if any(state == "waiting" for state, _ in told):
        assert len(left) == len(told)
