"""Who runs the mail of a domain, from its MX records. See docs/providers/mx.md."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.rdatatype import RdataType
from dns.resolver import NXDOMAIN, NoAnswer

from services.enrichment.offline.mail import family
from services.enrichment.providers.catalog import MAIL_SERVERS
from services.enrichment.providers.contract import Answer, Outcome, Question
from services.enrichment.providers.gate import FailedError, Gate
from services.enrichment.providers.reading import read
from services.enrichment.providers.settings import Breaker, MailServers, Rate

_RATE = Rate(calls=100)
_BREAKER = Breaker(failures=20)


class MailServerLookup:
    """Asks the DNS."""

    def __init__(self, name: str, config: MailServers, now: Callable[[], datetime]) -> None:
        self.name = name
        self.config = config
        self._now = now
        self._gate = Gate(name, _RATE, _BREAKER, 0.0)

    async def ask(self, question: Question, *, urgency: int = 1) -> Answer:
        """One answer; see :class:`~services.enrichment.providers.contract.Provider`."""
        timeout = self.config.timeout_ms / 1000
        return await self._gate.through(
            lambda: self._once(question), timeout=timeout, urgency=urgency
        )

    async def _once(self, question: Question) -> Answer:
        try:
            found = await self._resolver().resolve(f"{question.about['domain']}.", RdataType.MX)
        except (NXDOMAIN, NoAnswer):
            return Answer(Outcome.NO_MATCH)
        except (DNSException, OSError, ValueError) as error:
            raise FailedError(Outcome.ERROR, type(error).__name__) from None
        hosts = [
            str(one.exchange).rstrip(".") for one in sorted(found, key=lambda one: one.preference)
        ]
        runner = family([host for host in hosts if host])
        if runner is None:
            return Answer(Outcome.NO_MATCH)
        return read(
            {"mail_provider": runner.value},
            MAIL_SERVERS["mx"],
            question,
            confidence=self.config.confidence,
            at=self._now(),
        )

    def _resolver(self) -> Resolver:
        address = self.config.resolver
        resolver = Resolver(configure=address == "system")
        if address != "system":
            host, _, port = address.rpartition(":")
            resolver.nameservers = [host.strip("[]")]
            resolver.port = int(port)
        resolver.lifetime = self.config.timeout_ms / 1000
        return resolver
