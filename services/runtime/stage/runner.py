"""Takes a batch to its end: every record published or dead-lettered, in order, or nothing noted.

Knows no consumer and no FastStream: what it needs of them is :class:`Host`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from schemas.base import Event
from services.runtime.metrics import Metrics
from services.runtime.producer import check_sizes
from services.runtime.records import Output, Record
from services.runtime.stage.budget import DeadLetterBudget
from services.runtime.stage.classify import BACK_OFF, WaitingFor, fault_of, waiting_for
from services.runtime.stage.dead_letter import TOO_OLD, dead_letter
from services.runtime.stage.decode import Fault, Tombstone, decode
from services.runtime.stage.spec import Abandoned, BadRecords, StageSpec, StageStopped
from services.runtime.stage.telemetry import StageTelemetry

E = TypeVar("E", bound=Event)
T = TypeVar("T")
Publish = Callable[[Sequence[Output]], Awaitable[None]]
Pair = tuple[ConsumerRecord, Record[E]]

log = structlog.get_logger(__name__)


class Host(Protocol):
    """Where a batch comes from."""

    def note(self, records: Sequence[ConsumerRecord]) -> None:
        """These are finished. Called in the order of the batch."""

    def check(self) -> None:
        """:raises Abandoned: the batch is no longer ours."""

    async def idle(self, seconds: float) -> None:
        """Wait before the next attempt, while the group still hears from us.

        :raises Abandoned: the batch is no longer ours.
        """


class StageRunner(Generic[E]):
    """The part of a stage that has nothing to do with how its records arrive."""

    def __init__(self, spec: StageSpec[E], publish: Publish, metrics: Metrics) -> None:
        self.spec = spec
        self.telemetry = StageTelemetry(spec.name, spec.lane, metrics)
        self.waiting_for: WaitingFor | None = None
        self._publish = publish
        self._budget = DeadLetterBudget()
        self._compacted = frozenset(topic.name for topic in spec.inputs if topic.compacted)
        self._attempt = 1

    async def run(self, batch: Sequence[ConsumerRecord], host: Host) -> None:
        """Finish the batch.

        :raises Abandoned: it is no longer ours; what was finished is noted.
        :raises StageStopped: too many dead letters; the record at hand is not finished.
        """
        good: list[Pair[E]] = []
        passed: list[ConsumerRecord] = []
        passes_over = self.spec.passes_over
        for raw in batch:
            if passes_over is not None and passes_over(raw.headers):
                passed.append(raw)
                continue
            match decode(raw, self.spec.model, self._compacted):
                case Record() as record:
                    good.append((raw, record))
                case Tombstone():
                    await self._settle(good, host)
                    good = []
                    host.note((raw,))
                case Fault() as fault:
                    await self._settle(good, host)
                    good = []
                    if self.spec.is_second_reader:
                        self._finish((raw,), host)
                    else:
                        await self._bury(raw, fault, host)
        await self._settle(good, host)
        if passed:  # after what came before them: the highest note stands for all
            host.note(passed)

    # -- records that could be read ----------------------------------------------------------
    async def _settle(self, pairs: Sequence[Pair[E]], host: Host) -> None:
        if not pairs:
            return
        host.check()
        try:
            await self._process([record for _, record in pairs], host)
        except (Abandoned, StageStopped):
            raise
        except BadRecords as refused:
            await self._without(pairs, refused.reasons, host)
        except Exception as error:
            await self._isolate(pairs, error, host)
        else:
            self._finish([raw for raw, _ in pairs], host)

    async def _process(self, records: Sequence[Record[E]], host: Host) -> None:
        outputs = await self._retried(lambda: self.spec.handler(records), host, publishing=False)
        if not outputs:
            return
        check_sizes(outputs)
        # Only the publishing is repeated: the bytes and their tags stay the same.
        await self._retried(lambda: self._publish(outputs), host, publishing=True)
        self.telemetry.published(len(outputs))
        if self.spec.on_acknowledged is not None:
            try:
                self.spec.on_acknowledged(outputs)
            except Exception:
                # The outputs are out: a fault in counting them must not dead-letter the record.
                log.exception("stage.acknowledgement_hook_failed", stage=self.spec.name)

    async def _without(
        self, pairs: Sequence[Pair[E]], reasons: Mapping[UUID, tuple[str, str]], host: Host
    ) -> None:
        """Dead-letter the refused records and run the others again, all in their order."""
        if not any(record.id in reasons for _, record in pairs):
            error = RuntimeError("the handler refused records that are not in the batch")
            await self._isolate(pairs, error, host)
            return
        for reason, group in groupby(pairs, lambda pair: reasons.get(pair[1].id)):
            alike = list(group)
            if reason is None:
                await self._settle(alike, host)
            elif reason[0] == TOO_OLD:
                await self._set_aside([raw for raw, _ in alike], Fault(*reason), host)
            else:
                for raw, _ in alike:
                    await self._bury(raw, Fault(*reason), host)

    async def _isolate(self, pairs: Sequence[Pair[E]], error: Exception, host: Host) -> None:
        """Halve until the failing record is alone, then dead-letter it."""
        if half := len(pairs) // 2:
            await self._settle(pairs[:half], host)
            await self._settle(pairs[half:], host)
        else:
            await self._bury(pairs[0][0], fault_of(error), host)

    def _finish(self, raws: Sequence[ConsumerRecord], host: Host) -> None:
        self._budget.finished(len(raws))
        self.telemetry.finished(raws)
        host.note(raws)

    # -- dead letters ------------------------------------------------------------------------
    async def _bury(self, raw: ConsumerRecord, fault: Fault, host: Host) -> None:
        if (refusal := self._budget.refusal()) is not None:
            raise StageStopped(f"{self.spec.name} stopped: {refusal}; the last was {fault.reason}")
        await self._set_aside((raw,), fault, host)
        self._budget.buried()

    async def _set_aside(self, raws: Sequence[ConsumerRecord], fault: Fault, host: Host) -> None:
        """Dead-letter records that follow each other, whatever the budget says."""
        letters = [
            dead_letter(
                raw,
                fault,
                service=self.spec.service,
                stage=self.spec.name,
                attempt=self._attempt,
                at=datetime.now(UTC),
            )
            for raw in raws
        ]
        await self._retried(lambda: self._publish(letters), host, publishing=True)
        self.telemetry.buried(fault.reason, len(raws))
        log.warning(
            "stage.dead_letter",
            stage=self.spec.name,
            reason=fault.reason,
            error=fault.detail,
            topic=raws[0].topic,
            partition=raws[0].partition,
            offset=raws[0].offset,
            records=len(raws),
        )
        host.note(raws)

    # -- waiting for what is outside ---------------------------------------------------------
    async def _retried(
        self, work: Callable[[], Awaitable[T]], host: Host, *, publishing: bool
    ) -> T:
        self._attempt = 1
        try:
            return await work()
        except Exception as error:
            if waiting_for(error, publishing=publishing) is None:
                raise
            first = error
        return await self._wait_out(work, host, first, publishing)

    async def _wait_out(
        self, work: Callable[[], Awaitable[T]], host: Host, first: Exception, publishing: bool
    ) -> T:
        """Repeat with back-off until it works, fails for another reason, or is no longer ours."""
        started = time.monotonic()

        def before(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            self._wait_for(waiting_for(error or first, publishing=publishing) or "kafka", error)
            self._attempt = state.attempt_number + 1

        retrying = AsyncRetrying(
            sleep=host.idle,
            wait=BACK_OFF,
            retry=retry_if_exception(
                lambda error: waiting_for(error, publishing=publishing) is not None
            ),
            before_sleep=before,
            reraise=True,
        )
        known: list[Exception] = [first]

        async def again() -> T:
            if known:  # the attempt that brought us here counts as the first
                raise known.pop()
            return await work()

        try:
            result: T = await retrying(again)
        finally:
            waited_for, self.waiting_for = self.waiting_for, None
            self.telemetry.shown(None)
        seconds = round(time.monotonic() - started, 3)
        log.info("stage.resumed", stage=self.spec.name, waiting_for=waited_for, seconds=seconds)
        return result

    def _wait_for(self, what: WaitingFor, error: BaseException | None) -> None:
        if self.waiting_for != what:
            log.warning(
                "stage.waiting", stage=self.spec.name, waiting_for=what, error=type(error).__name__
            )
        self.waiting_for = what
        self.telemetry.retried(what)
