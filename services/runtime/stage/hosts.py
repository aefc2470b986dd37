"""Where a batch comes from, as the runner sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiokafka import ConsumerRecord

from services.runtime.stage.spec import Abandoned

if TYPE_CHECKING:
    from services.runtime.stage.subscriber import StageSubscriber


class EpochHost:
    """A batch of one assignment; once the partitions were revoked it is stale."""

    __slots__ = ("_epoch", "_subscriber")

    def __init__(self, subscriber: StageSubscriber, epoch: int) -> None:
        self._subscriber = subscriber
        self._epoch = epoch

    def note(self, records: Sequence[ConsumerRecord]) -> None:
        self._subscriber.note(records, self._epoch)

    def check(self) -> None:
        if not self._subscriber.running or self._epoch != self._subscriber.epoch:
            raise Abandoned

    async def idle(self, seconds: float) -> None:
        self.check()
        await self._subscriber.poll_paused(seconds)
        self.check()


class DirectHost:
    """A batch without a consumer: tests that put records in by hand."""

    def note(self, records: Sequence[ConsumerRecord]) -> None:
        return None

    def check(self) -> None:
        return None

    async def idle(self, seconds: float) -> None:
        raise Abandoned  # nobody would deliver it again: the test shall see that it had to wait
