"""Which offsets are finished and not yet committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiokafka import ConsumerRecord, TopicPartition

Offsets = dict[TopicPartition, int]


class OffsetNotes:
    """Finished work per partition: the offset that a successor would start from.

    Records of a partition finish in their order (the runner sees to it), so the highest note
    stands for all before it. Notes only grow until :meth:`forget`.
    """

    def __init__(self) -> None:
        self._next: Offsets = {}

    def __bool__(self) -> bool:
        return bool(self._next)

    def note(self, records: Iterable[ConsumerRecord]) -> None:
        """These records are finished: published or dead-lettered."""
        for record in records:
            self._raise(TopicPartition(record.topic, record.partition), record.offset + 1)

    def take(self) -> Offsets:
        """What is to be committed now; the notes are empty afterwards."""
        taken, self._next = self._next, {}
        return taken

    def restore(self, offsets: Mapping[TopicPartition, int]) -> None:
        """A commit failed: its offsets wait for the next one, unless newer notes exist."""
        for partition, offset in offsets.items():
            self._raise(partition, offset)

    def forget(self) -> None:
        """The partitions went elsewhere."""
        self._next.clear()

    def _raise(self, partition: TopicPartition, offset: int) -> None:
        if offset > self._next.get(partition, -1):
            self._next[partition] = offset
