"""Which domains take mail: asked of a DNS server on loopback, shared through Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.capture.mx import MISSING_HOLDS, MailChecker, accepts_mail, resolver_at
from services.capture.seen import MailDomains
from services.runtime.database import open_pool
from tests.integration.capture.nameserver import nameserver


@pytest.mark.parametrize(
    ("domain", "accepts"),
    [
        ("mail.com", True),
        ("null-mx.com", False),
        ("only-a.com", True),
        ("only-aaaa.com", True),
        ("no-records.com", False),
        ("no-such-name.com", False),
        ("broken.com", None),
        ("silent.com", None),
    ],
)
def test_what_a_domains_records_mean(domain: str, accepts: bool | None) -> None:
    async def ask() -> bool | None:
        async with nameserver() as (_, address):
            resolver = resolver_at(address)
            resolver.lifetime = 0.3
            return await accepts_mail(resolver, domain)

    assert asyncio.run(ask()) is accepts


def _with_postgres(dsn: str, test: Callable[[asyncpg.Pool], Awaitable[None]]) -> None:
    async def run() -> None:
        pool = await open_pool(dsn, size=2)
        try:
            await pool.execute("truncate capture.mail_domains")
            await test(pool)
        finally:
            await pool.close()

    asyncio.run(run())


def test_one_process_asks_and_the_others_know(postgres_dsn: str) -> None:
    async def test(pool: asyncpg.Pool) -> None:
        now = datetime.now(UTC)
        async with nameserver() as (server, address):
            mine, theirs, late = MailDomains(), MailDomains(), MailDomains()
            first = MailChecker(pool, mine, lambda: address)
            for domain in ("no-such-name.com", "mail.com", "broken.com", "mail.com"):
                assert not mine.no_mail(domain, now)
            await first.look()
            assert mine.no_mail("no-such-name.com", now)
            assert not mine.no_mail("mail.com", now)
            assert not mine.no_mail("broken.com", now)
            assert mine.take_wanted() == []
            before = server.asked.total()
            for memory in (theirs, late):
                await MailChecker(pool, memory, lambda: address).look()
                assert memory.no_mail("no-such-name.com", now)
                assert not memory.no_mail("mail.com", now)
                assert memory.take_wanted() == []
            assert server.asked.total() == before
            stored = await pool.fetch("select domain, accepts from capture.mail_domains")
            assert {tuple(row) for row in stored} == {
                ("no-such-name.com", False), ("mail.com", True),
            }  # fmt: skip

    _with_postgres(postgres_dsn, test)


def test_an_answer_is_asked_for_again_when_it_holds_no_longer(postgres_dsn: str) -> None:
    async def test(pool: asyncpg.Pool) -> None:
        long_ago = datetime.now(UTC) - MISSING_HOLDS - timedelta(minutes=1)
        async with nameserver() as (server, address):
            memory = MailDomains()
            memory.no_mail("no-such-name.com", long_ago)
            await MailChecker(pool, memory, lambda: address, lambda: long_ago).look()
            assert memory.no_mail("no-such-name.com", long_ago)
            now, fresh = datetime.now(UTC), MailDomains()
            checker = MailChecker(pool, fresh, lambda: address)
            await checker.look()
            assert await pool.fetchval("select count(*) from capture.mail_domains") == 0
            assert not fresh.no_mail("no-such-name.com", now)
            before = server.asked["no-such-name.com"]
            await checker.look()
            assert server.asked["no-such-name.com"] == before + 1
            assert fresh.no_mail("no-such-name.com", now)

    _with_postgres(postgres_dsn, test)


def test_nobody_is_asked_where_no_resolver_is_named(postgres_dsn: str) -> None:
    async def test(pool: asyncpg.Pool) -> None:
        memory = MailDomains()
        memory.no_mail("mail.com", datetime.now(UTC))
        await MailChecker(pool, memory, lambda: None).look()
        assert memory.take_wanted() == ["mail.com"]

    _with_postgres(postgres_dsn, test)
