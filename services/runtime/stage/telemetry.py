"""What a stage reports; every labelled child bound once, nothing looked up per record."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog
from aiokafka import ConsumerRecord

from schemas.base import Lane
from services.runtime.metrics import Metrics
from services.runtime.stage.classify import WaitingFor

log = structlog.get_logger(__name__)

_LOG_PERIOD_S = 1.0


class StageTelemetry:
    """Metrics and the batch line of one stage.

    The batch line is written at most once a second and then sums up: a line per batch of one would
    cost more than the batch.
    """

    def __init__(self, stage: str, lane: Lane, metrics: Metrics) -> None:
        self._stage = stage
        self._metrics = metrics
        self._duration = metrics.stage_duration.labels(stage, lane.value)
        self._batch = metrics.stage_batch.labels(stage, lane.value)
        self._lag = metrics.consumer_lag.labels(stage, lane.value)
        self._lost_commits = {
            reason: metrics.commit_failures.labels(stage, reason)
            for reason in ("rebalance", "kafka", "timeout")
        }
        self._retries = {
            what: metrics.retries.labels(stage, what) for what in ("postgres", "kafka")
        }
        self._waiting = {
            what: metrics.waiting.labels(stage, what) for what in ("postgres", "kafka")
        }
        self._batches = self._records = self._outputs = 0
        self._slowest_s = 0.0
        self._logged_at = 0.0
        self._shown: WaitingFor | None = None
        for gauge in self._waiting.values():
            gauge.set(0)
        self._lag.set(0)

    def taken(self, records: int) -> None:
        self._batch.observe(records)
        self._batches += 1
        self._records += records

    def published(self, outputs: int) -> None:
        self._outputs += outputs

    def finished(self, raws: Sequence[ConsumerRecord]) -> None:
        """These were acknowledged just now; their timestamps say when they were appended."""
        now = time.time()
        observe = self._duration.observe
        for raw in raws:
            spent = now - raw.timestamp / 1000
            observe(spent if spent > 0 else 0.0)
            if spent > self._slowest_s:
                self._slowest_s = spent

    def buried(self, reason: str, records: int = 1) -> None:
        self._metrics.dead_letters.labels(self._stage, reason).inc(records)

    def commit_lost(self, reason: str) -> None:
        self._lost_commits[reason].inc()

    def retried(self, what: WaitingFor) -> None:
        """One more attempt failed."""
        self._retries[what].inc()
        self.shown(what)

    def shown(self, what: WaitingFor | None) -> None:
        """What the stage waits for now."""
        if what == self._shown:
            return
        self._shown = what
        for name, gauge in self._waiting.items():
            gauge.set(1 if name == what else 0)

    def lag(self, seconds: float) -> None:
        self._lag.set(seconds)

    def batch_line(self) -> None:
        """Sum up the batches since the last line, if there were any and a second has passed."""
        now = time.monotonic()
        if not self._batches or now - self._logged_at < _LOG_PERIOD_S:
            return
        log.info(
            "stage.batch",
            stage=self._stage,
            count=self._batches,
            records=self._records,
            outputs=self._outputs,
            delay_ms=round(self._slowest_s * 1000, 1),
        )
        self._batches = self._records = self._outputs = 0
        self._slowest_s = 0.0
        self._logged_at = now
