"""What a stage is: one function from a batch of events to a batch of outputs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from schemas.base import Event, Lane
from schemas.topics import TopicSpec
from services.runtime.records import Output, Record

E = TypeVar("E", bound=Event)

Handler = Callable[[Sequence[Record[E]]], Awaitable[Sequence[Output]]]
"""A batch in, a batch out; the outputs in the order of their records. Must be repeatable."""

PassesOver = Callable[[Sequence[tuple[str, bytes]]], bool]
"""Of a record's headers: whether it is nothing for the stage."""


@dataclass(frozen=True)
class StageSpec(Generic[E]):
    """Everything that the shell needs to know about a stage."""

    name: str
    """Consumer group id and metric label, for example ``routing`` or ``routing.bulk``."""
    service: str
    """Names the dead-letter topics."""
    lane: Lane
    inputs: tuple[TopicSpec, ...]
    model: type[E]
    outputs: tuple[TopicSpec, ...]
    """What it may publish to; declared for AsyncAPI."""
    handler: Handler[E]
    max_records: int = 500
    """Most records taken at once; small on the bulk lane, which shares the event loop."""
    rest_s: float = 0.0
    """Seconds between two batches of a stage that nobody waits for. What comes meanwhile is one
    batch, one transaction, one write to the disk: taken one by one the records would cost those
    that somebody waits for. After a pause a record is taken at once, and so is what follows a full
    batch."""
    passes_over: PassesOver | None = None
    """What is nothing for this stage is finished unread."""
    is_second_reader: bool = False
    """Another stage of the service reads the same topics and dead-letters what cannot be decoded;
    this one passes over it, so that it is set aside once."""
    on_acknowledged: Callable[[Sequence[Output]], None] | None = None
    """Called after the broker acknowledged the outputs, before the offsets are noted."""


class BadRecords(Exception):
    """A handler refuses these records for good: they are dead-lettered, the others run again.

    ``reasons``: record id -> (reason code, detail). The detail is kept and shown: no personal data.
    """

    def __init__(self, reasons: Mapping[UUID, tuple[str, str]]) -> None:
        super().__init__(f"{len(reasons)} records refused")
        self.reasons = dict(reasons)


class StageStopped(Exception):
    """The stage gives up; nothing of the batch at hand is finished. The message says why."""


class Abandoned(Exception):
    """The batch is no longer ours (partitions revoked, stage stopping); it will come again."""
