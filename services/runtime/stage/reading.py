"""How far a stage has read: for services that must not act before they have heard everything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka.errors import IllegalStateError, KafkaError

if TYPE_CHECKING:
    from services.runtime.stage.subscriber import StageSubscriber

_TIMEOUT_S: Final = 3.0

Partition = tuple[str, int]
"""Topic and number."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Of the partitions that a stage has now."""

    finished: Mapping[Partition, int]
    """The first offset that is not finished: everything below was handled, and committed."""
    known: frozenset[Partition]
    """Every partition of the stage's topics, whoever reads it."""


class Reading:
    """Of one stage in this process."""

    def __init__(self, subscriber: StageSubscriber) -> None:
        self._subscriber = subscriber

    async def ends(self) -> dict[Partition, int]:
        """Per partition of ours the offset that the next record will get; asks the broker.

        :raises KafkaError: nobody answered.
        :raises TimeoutError: within three seconds.
        """
        consumer = self._subscriber.consumer
        if consumer is None or not self._subscriber.joined:
            return {}
        async with asyncio.timeout(_TIMEOUT_S):
            found = await consumer.end_offsets(consumer.assignment())
        return {(at.topic, at.partition): offset for at, offset in found.items()}

    async def positions(self) -> Positions:
        """How far this process has come; nothing while it has no partitions."""
        sub, consumer = self._subscriber, self._subscriber.consumer
        if consumer is None or not sub.joined:
            return Positions({}, frozenset())
        finished: dict[Partition, int] = {}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                for at in consumer.assignment():
                    position = await consumer.position(at)
                    # Asked after the await: what was polled meanwhile counts as unfinished.
                    pending = [
                        raw.offset
                        for raw in (*sub.taken, *sub.ahead)
                        if (raw.topic, raw.partition) == (at.topic, at.partition)
                    ]
                    finished[at.topic, at.partition] = min([position, *pending])
        except (IllegalStateError, KafkaError, TimeoutError):
            return Positions({}, frozenset())  # a rebalance is on: ask again
        known = {
            (spec.name, number)
            for spec in sub.runner.spec.inputs
            for number in consumer.partitions_for_topic(spec.name) or ()
        }
        return Positions(finished, frozenset(known))
