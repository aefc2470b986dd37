"""What response counts is there before it happens, or no alert tells of the first."""

from __future__ import annotations

import pytest

from schemas.base import TierName
from services.response.measures import HOPS, Meters
from services.response.model import Measured
from services.runtime.metrics import Metrics


@pytest.mark.parametrize("reason", HOPS)
def test_the_first_hop_of_a_reason_is_an_increase(reason: str) -> None:
    metrics = Metrics()
    meters = Meters(metrics)
    labels = {"reason": reason}
    assert metrics.registry.get_sample_value("handraise_hops_total", labels) == 0.0
    meters.observe([Measured("hop", reason)])
    assert metrics.registry.get_sample_value("handraise_hops_total", labels) == 1.0


@pytest.mark.parametrize("tier", TierName)
def test_the_first_breach_of_a_tier_is_an_increase(tier: TierName) -> None:
    metrics = Metrics()
    meters = Meters(metrics)
    labels = {"tier": tier.value}
    assert metrics.registry.get_sample_value("handraise_breaches_total", labels) == 0.0
    meters.observe([Measured("breach", tier.value)])
    assert metrics.registry.get_sample_value("handraise_breaches_total", labels) == 1.0
