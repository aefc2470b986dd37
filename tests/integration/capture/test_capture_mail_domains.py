"""Which domains take mail: asked of a DNS server on loopback, shared through Postgres."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

import asyncpg
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from services.capture.mx import MISSING_HOLDS, MailChecker, accepts_mail, resolver_at
from services.capture.seen import MailDomains
from services.runtime.database import open_pool

ZONE = {
    ("mail.com", "MX"): "10 mx.mail.com.",
    ("null-mx.com", "MX"): "0 .",
    ("only-a.com", "A"): "192.0.2.1",
    ("only-aaaa.com", "AAAA"): "2001:db8::1",
    ("no-records.com", "TXT"): '"x"',
}
NAMES = {name for name, _ in ZONE}


class Nameserver(asyncio.DatagramProtocol):
    """Answers as a recursive server does; ``broken.com`` gets SERVFAIL, ``silent.com`` nothing."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked[name] += 1
        if name == "silent.com":
            return
        answer = dns.message.make_response(query, recursion_available=True)
        value = ZONE.get((name, kind))
        if name == "broken.com":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in NAMES:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif value is not None:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, value))
        self.transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def nameserver() -> AsyncIterator[tuple[Nameserver, str]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Nameserver, local_addr=("127.0.0.1", 0))
    try:
        yield server, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


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
