"""What response measures: counted once, after the commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.base import TierName
from services.response.clocks import FIVE_MINUTES
from services.response.model import Kind, Measured
from services.response.store.due import Gauges
from services.runtime.metrics import Metrics

HOPS: Final = ("acceptance", "breach", "escalation", "team")
"""Why a lead is taken from its rep."""


class Meters:
    """The metrics of one process."""

    def __init__(self, metrics: Metrics, scale: float = 1.0) -> None:
        """:param scale: so many times faster than the configuration says the clocks run."""
        self._metrics = metrics
        self._in_time_s = FIVE_MINUTES.total_seconds() / scale
        # An increase is seen only from a first sample on: else nobody hears of the first lead
        # that no manager touched either.
        for reason in HOPS:
            metrics.hops.labels(reason)
        for tier in TierName:
            metrics.breaches.labels(tier.value)

    def observe(self, measured: Iterable[Measured]) -> None:
        """What a committed transaction brought about."""
        metrics = self._metrics
        for one in measured:
            match one.what:
                case "touched":
                    metrics.speed_to_lead.labels(one.label).observe(one.seconds)
                case "accepted":
                    metrics.time_to_accept.labels(one.label).observe(one.seconds)
                case "five_minutes":
                    metrics.hot_leads.labels(one.label).inc()
                case "told_late" if one.seconds <= self._in_time_s:
                    metrics.hot_leads.labels("told_late").inc()
                case "breach":
                    metrics.breaches.labels(one.label).inc()
                case "hop":
                    metrics.hops.labels(one.label).inc()
                case "reminder":
                    metrics.reminders.labels(one.label).inc()

    def late(self, seconds: float) -> None:
        """How long after its deadline a clock fired."""
        self._metrics.clock_lateness.observe(max(0.0, seconds))

    def paused(self, plans: Iterable[Mapping[str, object]]) -> None:
        """Which touch plans wait for a person, as too much of their mail bounced."""
        for plan in plans:
            gauge = self._metrics.cadence_paused.labels(str(plan["plan"]))
            gauge.set(plan["paused_at"] is not None)

    def show(self, gauges: Gauges) -> None:
        """All leads and clocks, whichever process works on them."""
        metrics, now = self._metrics, gauges.now
        oldest = gauges.oldest_hot
        waited = (now - oldest).total_seconds() if oldest is not None else 0.0
        metrics.oldest_untouched_hot.set(max(0.0, waited))
        metrics.clocks_suspended.set(gauges.suspended)
        metrics.activities_unmatched.set(gauges.unmatched)
        for kind in Kind:
            metrics.clocks_running.labels(kind.value).set(gauges.running.get(kind.value, 0))
        if gauges.feed_at is not None:
            metrics.feed_age.set(max(0.0, (now - gauges.feed_at).total_seconds()))
