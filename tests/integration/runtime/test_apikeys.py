"""API keys: hashed, scoped, audited, and known while Postgres is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.runtime.apikeys import KeyFault, KeyRing, Scope, create, list_keys, revoke
from services.runtime.database import open_pool


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(postgres_dsn)
    yield pool
    pool.terminate()


async def test_a_key_works_until_it_is_revoked_and_is_never_stored(pool: asyncpg.Pool) -> None:
    ring = KeyRing()
    async with pool.acquire() as db:
        token = await create(db, "zapier", {Scope.LEADS_WRITE}, actor="ada")
        assert token.startswith("hr_")
        await ring.refresh(pool)
        holder = ring.authenticate(token)
        assert holder is not None
        assert (holder.name, holder.scopes) == ("zapier", {Scope.LEADS_WRITE})
        assert ring.authenticate(token[:-1]) is None
        stored = await db.fetch("select * from handraise.api_keys, handraise.api_key_audit")
        assert token.split("_", 2)[2] not in str(stored)
        await revoke(db, holder.key_id, actor="bob")
        assert ring.authenticate(token) is not None, "a copy of up to a second ago"
        await ring.refresh(pool)
        assert ring.authenticate(token) is None
        with pytest.raises(KeyFault, match="no key"):
            await revoke(db, holder.key_id, actor="bob")
        (listed,) = await list_keys(db)
        assert listed.revoked_at is not None


async def test_a_publishable_key_may_only_create_leads_of_one_source(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as db:
        for scopes, source in (
            ({Scope.LEADS_WRITE, Scope.REPS_ADMIN}, "website"),
            ({Scope.REPS_ADMIN}, "website"),
            ({Scope.LEADS_WRITE}, None),
        ):
            with pytest.raises(KeyFault, match="publishable"):
                await create(db, "page", scopes, actor="ada", source=source, publishable=True)
        with pytest.raises(asyncpg.CheckViolationError):  # the table says so too
            await db.execute(
                "insert into handraise.api_keys (id, name, secret_hash, scopes, publishable)"
                " values ('x', 'x', sha256('x'), '{leads:write}', true)"
            )
        token = await create(
            db, "page", {Scope.LEADS_WRITE}, actor="ada", source="website", publishable=True
        )
    ring = KeyRing()
    await ring.refresh(pool)
    holder = ring.authenticate(token)
    assert token.startswith("hrp_")
    assert holder is not None
    assert holder.source == "website"
    assert ring.authenticate(token.replace("hrp_", "hr_", 1)) is None


async def test_use_is_audited_at_most_once_a_minute(pool: asyncpg.Pool) -> None:
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    async with pool.acquire() as db:
        token = await create(db, "zapier", {Scope.LEADS_WRITE}, actor="ada")
    rings = [KeyRing(lambda: clock), KeyRing(lambda: clock)]
    for ring in rings:
        await ring.refresh(pool)
    for step in (0, 1, 30, 61):
        clock += timedelta(seconds=step)
        for ring in rings:
            assert ring.authenticate(token)
            await ring.refresh(pool)
    rows = await pool.fetch("select action, actor from handraise.api_key_audit order by id")
    # Two processes, two minutes by their clocks, all within one minute of the database's.
    assert [(row["action"], row["actor"]) for row in rows] == [("created", "ada"), ("used", None)]
    async with pool.acquire() as db:
        (listed,) = await list_keys(db)
    assert listed.last_used_at is not None


async def test_the_last_copy_serves_while_postgres_is_away(
    pool: asyncpg.Pool, postgres_dsn: str
) -> None:
    async with pool.acquire() as db:
        token = await create(db, "zapier", {Scope.LEADS_WRITE}, actor="ada")
    ring = KeyRing()
    await ring.refresh(pool)
    gone = await open_pool(postgres_dsn)
    gone.terminate()
    with pytest.raises(asyncpg.InterfaceError):
        await ring.refresh(gone)
    assert ring.authenticate(token) is not None


async def test_a_scope_of_a_later_release_is_ignored(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as db:
        token = await create(db, "zapier", {Scope.LEADS_WRITE}, actor="ada")
        await db.execute("update handraise.api_keys set scopes = scopes || '{moon:land}'::text[]")
    ring = KeyRing()
    await ring.refresh(pool)
    holder = ring.authenticate(token)
    assert holder is not None
    assert holder.scopes == {Scope.LEADS_WRITE}
