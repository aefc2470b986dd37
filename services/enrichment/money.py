"""What questions cost and whether the day can still afford one. Pure; whole millionths."""

from __future__ import annotations

from collections.abc import Mapping

from services.enrichment.config import EnrichmentConfig
from services.enrichment.providers.catalog import endpoints_of
from services.enrichment.providers.contract import Endpoint, Outcome, Question

ALL = ""
"""The day's account of all providers together, beside one for each."""


def micros(amount: float) -> int:
    """An amount in millionths: they add up exactly, where fractions do not."""
    return round(amount * 1_000_000)


def endpoint_of(config: EnrichmentConfig, question: Question) -> Endpoint | None:
    """What is asked; None where the configuration has changed meanwhile."""
    settings = config.providers.get(question.provider)
    return None if settings is None else endpoints_of(settings).get(question.endpoint)


def at_most(endpoint: Endpoint) -> int:
    """What a question may cost, in millionths."""
    return micros(endpoint.dearest)


def cost_of(endpoint: Endpoint, outcome: Outcome) -> int:
    """What an outcome costs, in millionths."""
    return micros(endpoint.prices.get(outcome, 0.0))


def limits(config: EnrichmentConfig, provider: str) -> dict[str, int]:
    """The limits of a day that a question to a provider counts towards, in millionths."""
    settings = config.providers.get(provider)
    found = {ALL: config.daily_budget, provider: settings.daily_budget if settings else None}
    return {account: micros(limit) for account, limit in found.items() if limit is not None}


def affordable(spent: Mapping[str, int], price: int, allowed: Mapping[str, int]) -> bool:
    """Whether a question that may cost ``price`` stays within every limit."""
    return all(spent.get(account, 0) + price <= limit for account, limit in allowed.items())
