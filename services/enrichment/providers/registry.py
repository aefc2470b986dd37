"""The providers of the configuration in force."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import assert_never

import httpx

from services.enrichment.config import EnrichmentConfig
from services.enrichment.providers.catalog import Settings
from services.enrichment.providers.contract import Answer, Outcome, Question
from services.enrichment.providers.http_client import HttpClient
from services.enrichment.providers.mail_servers import MailServerLookup
from services.enrichment.providers.maxmind import MaxMind
from services.enrichment.providers.settings import (
    HttpProvider,
    MailServers,
    MaxMindFile,
    Vendor,
)

# More than leads wait at once: a stalled provider must not take another's connections.
_CONNECTIONS = httpx.Limits(max_connections=1000, max_keepalive_connections=32)
Built = HttpClient | MaxMind | MailServerLookup


class Providers:
    """Builds providers as configurations come and go; one that did not change keeps its breaker."""

    def __init__(self, secret: Callable[[str], str | None], now: Callable[[], datetime]) -> None:
        """:param secret: value of a named secret, None where there is none."""
        self._secret = secret
        self._now = now
        # It logs whole addresses, and with some vendors the key is a part of it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._client = httpx.AsyncClient(limits=_CONNECTIONS)
        self._config: EnrichmentConfig | None = None
        self._built: Mapping[str, Built] = {}

    async def ask(
        self, config: EnrichmentConfig, question: Question, *, urgency: int = 1
    ) -> Answer:
        """Put one question; a provider that is gone is an error of that question alone."""
        provider = self._of(config).get(question.provider)
        if provider is None:
            return Answer(Outcome.ERROR, detail="not configured any more")
        return await provider.ask(question, urgency=urgency)

    async def close(self) -> None:
        await self._client.aclose()

    def _of(self, config: EnrichmentConfig) -> Mapping[str, Built]:
        if config is not self._config:
            self._built = {name: self._one(name, config) for name in config.providers}
            self._config = config
        return self._built

    def _one(self, name: str, config: EnrichmentConfig) -> Built:
        wanted = config.providers[name]
        built = self._built.get(name)
        return built if built is not None and built.config == wanted else self._new(name, wanted)

    def _new(self, name: str, wanted: Settings) -> Built:
        match wanted:
            case MaxMindFile():
                return MaxMind(name, wanted, self._now)
            case MailServers():
                return MailServerLookup(name, wanted, self._now)
            case HttpProvider() | Vendor():
                secret = self._secret(wanted.secret) if wanted.secret else None
                return HttpClient(name, wanted, secret, self._client, self._now)
            case _:
                assert_never(wanted)
