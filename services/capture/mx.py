"""Asks the DNS which domains take mail, beside the stage: no submission waits for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import structlog
from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.rdatatype import RdataType
from dns.resolver import NXDOMAIN, NoAnswer

from services.capture.seen import MailDomains
from services.capture.store import domains
from services.capture.store.domains import Answer
from services.runtime.database import is_infrastructure

ACCEPTS_HOLDS: Final = timedelta(days=7)
MISSING_HOLDS: Final = timedelta(days=1)
"""Shorter: a young company may be setting up its mail."""
FAILED_HOLDS: Final = timedelta(minutes=5)
"""How long a domain is not asked about again whose servers did not answer. Not stored."""
_LOOK_S: Final = 0.25
_SHARED_EACH: Final = timedelta(seconds=5)
_SWEPT_EACH: Final = timedelta(hours=1)
_LIFETIME_S: Final = 3.0
_AT_ONCE: Final = 8
_LOAD: Final = 50_000
_BEFORE: Final = timedelta(seconds=30)
"""Clocks of processes differ, and a row is seen only once it is committed."""

log = structlog.get_logger()


async def accepts_mail(resolver: Resolver, domain: str) -> bool | None:
    """Whether mail can reach a domain; None where the DNS did not say.

    A domain without MX record takes mail at its own address (RFC 5321, 5.1); one whose only MX is
    the root says that it takes none (RFC 7505).
    """
    try:
        answer = await resolver.resolve(f"{domain}.", RdataType.MX)
        return any(str(record.exchange) != "." for record in answer)
    except NXDOMAIN:
        return False
    except NoAnswer:
        found = [await _has(resolver, domain, kind) for kind in (RdataType.A, RdataType.AAAA)]
        return True if True in found else None if None in found else False
    except DNSException:
        return None


async def _has(resolver: Resolver, domain: str, kind: RdataType) -> bool | None:
    try:
        await resolver.resolve(f"{domain}.", kind)
    except (NXDOMAIN, NoAnswer):
        return False
    except DNSException:
        return None
    return True


def resolver_at(address: str) -> Resolver:
    """A resolver that asks ``host:port``, or the servers of this machine for ``system``."""
    resolver = Resolver(configure=address == "system")
    if address != "system":
        host, _, port = address.rpartition(":")
        resolver.nameservers = [host.strip("[]")]
        resolver.port = int(port)
    resolver.lifetime = _LIFETIME_S
    return resolver


class MailChecker:
    """Answers what the stage noted in ``memory``, and shares answers through Postgres."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        memory: MailDomains,
        address: Callable[[], str | None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._memory = memory
        self._address = address
        self._clock = clock
        self._shared = self._swept = datetime.min.replace(tzinfo=UTC)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Take over what others found, then ask about what is wanted."""
        address, now = self._address(), self._clock()
        if address is None:
            return
        await self._share(now)
        wanted = self._memory.take_wanted()
        if not wanted:
            return
        try:
            resolver = resolver_at(address)
        except (DNSException, OSError, ValueError) as error:
            log.warning("mx.no_resolver", error=type(error).__name__)
            return
        room = asyncio.Semaphore(_AT_ONCE)

        async def ask(domain: str) -> Answer | None:
            async with room:
                return self._learn(domain, await accepts_mail(resolver, domain))

        found = await asyncio.gather(*map(ask, wanted))
        await domains.keep(self._pool, [answer for answer in found if answer is not None])

    def _learn(self, domain: str, accepts: bool | None) -> Answer | None:
        now = self._clock()
        if accepts is None:
            self._memory.learn(domain, accepts=True, until=now + FAILED_HOLDS)
            return None
        until = now + (ACCEPTS_HOLDS if accepts else MISSING_HOLDS)
        self._memory.learn(domain, accepts=accepts, until=until)
        return Answer(domain, accepts, now, until)

    async def _share(self, now: datetime) -> None:
        if now - self._swept >= _SWEPT_EACH:
            await domains.forget(self._pool)
            self._swept = now
        if now - self._shared < _SHARED_EACH:
            return
        first = self._shared.year == 1
        since = self._shared if first else self._shared - _BEFORE
        for one in await domains.since(self._pool, since, limit=_LOAD):
            self._memory.learn(one.domain, accepts=one.accepts, until=one.expires_at)
        self._shared = now
