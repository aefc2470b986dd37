"""The providers of the configuration in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import httpx

from services.enrichment.config import EnrichmentConfig, Outcome
from services.enrichment.plan import Question
from services.enrichment.providers.base import Answer, Provider
from services.enrichment.providers.http_json import HttpJsonProvider

_CONNECTIONS = httpx.Limits(max_connections=64, max_keepalive_connections=16)


class Providers:
    """Builds providers as configurations come and go; one that did not change keeps its breaker."""

    def __init__(self, secret: Callable[[str], str | None], now: Callable[[], datetime]) -> None:
        """:param secret: value of a named secret, None where there is none."""
        self._secret = secret
        self._now = now
        self._client = httpx.AsyncClient(limits=_CONNECTIONS)
        self._config: EnrichmentConfig | None = None
        self._built: Mapping[str, HttpJsonProvider] = {}

    async def ask(self, config: EnrichmentConfig, question: Question) -> Answer:
        """Put one question; a provider that is gone is an error of that question alone."""
        provider = self._of(config).get(question.provider)
        if provider is None:
            return Answer(Outcome.ERROR, detail="not configured any more")
        return await provider.ask(question)

    async def close(self) -> None:
        await self._client.aclose()

    def _of(self, config: EnrichmentConfig) -> Mapping[str, Provider]:
        if config is not self._config:
            self._built = {name: self._one(name, config) for name in config.providers}
            self._config = config
        return self._built

    def _one(self, name: str, config: EnrichmentConfig) -> HttpJsonProvider:
        wanted = config.providers[name]
        built = self._built.get(name)
        if built is not None and built.config == wanted:
            return built
        secret = self._secret(wanted.secret) if wanted.secret else None
        return HttpJsonProvider(name, wanted, secret, self._client, self._now)
