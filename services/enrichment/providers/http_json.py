"""A provider that answers JSON over HTTP, as ``enrichment.yaml`` describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from services.enrichment.providers.contract import (
    Adapter,
    Endpoint,
    Outcome,
    Reading,
    Request,
    Subject,
    endpoints,
)
from services.enrichment.providers.reading import resolve
from services.enrichment.providers.settings import HttpProvider


def adapter(config: HttpProvider) -> Adapter:
    """The one endpoint that the configuration describes."""

    def ask(about: Subject, _: frozenset[str]) -> Request:
        quoted = {part: quote(about[part], safe="") for part in config.needs}
        url = config.url.format(**quoted) if quoted else config.url
        return Request(url, method=config.method)

    def read(document: Any, _: Subject) -> Reading:
        confirmed = resolve(document, config.confirm) if config.confirm else None
        domain = confirmed if isinstance(confirmed, str) or not config.confirm else ""
        return Reading(_found(document, config.answer), domain=domain)

    prices = {Outcome.MATCHED: config.cost, Outcome.NO_MATCH: config.miss_cost}
    only = Endpoint("answer", frozenset(config.answer), config.needs, ask, read, prices=prices)
    return Adapter(
        address="",
        headers=config.headers,
        statuses=config.statuses,
        endpoints=endpoints(only),
    )


def _found(document: Any, answer: Mapping[Any, str]) -> dict[str, Any]:
    return {str(field): resolve(document, pointer) for field, pointer in answer.items()}
