"""A dead letter: the record as it was, with where it lay and why it is there."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from aiokafka import ConsumerRecord

from schemas.topics import dead_letter_topic
from services.runtime.records import Output
from services.runtime.stage.decode import Fault
from services.runtime.stage.written import WRITTEN, written_ms

PREFIX: Final = "x-handraise-"
REASON: Final = f"{PREFIX}reason"
DETAIL: Final = f"{PREFIX}detail"
TOPIC: Final = f"{PREFIX}topic"
PARTITION: Final = f"{PREFIX}partition"
OFFSET: Final = f"{PREFIX}offset"
STAGE: Final = f"{PREFIX}stage"
ATTEMPT: Final = f"{PREFIX}attempt"
AT: Final = f"{PREFIX}at"
REPLAYS: Final = f"{PREFIX}replays"
"""How often the record was replayed; it stays on the record, so that a loop is seen."""

TOO_OLD: Final = "too_old"
"""Reason of a record that is older than repeats are known: it may have been decided, so it is not
decided. No fault of the record and no sign of a bad release: the budget does not count it."""

ERASED: Final = "erased"
"""Reason of what is left of a record about a lead that was erased after it was received: the id of
its submission, which has its end by this, and nothing to replay."""

_DETAIL_MOST = 500


def dead_letter(
    raw: ConsumerRecord, fault: Fault, *, service: str, stage: str, attempt: int, at: datetime
) -> Output:
    """Original bytes, key and headers, plus ``x-handraise-*``; ``attempt`` counts from 1."""
    added = {
        REASON: fault.reason,
        DETAIL: fault.detail[:_DETAIL_MOST],
        TOPIC: raw.topic,
        PARTITION: str(raw.partition),
        OFFSET: str(raw.offset),
        STAGE: stage,
        ATTEMPT: str(attempt),
        AT: at.isoformat(),
    }
    if (written := written_ms(raw)) is not None:
        added[WRITTEN] = str(written)
    kept = tuple((name, value) for name, value in raw.headers if name not in added)
    return Output(
        topic=dead_letter_topic(raw.topic, service),
        key=raw.key,  # a stranger's record may have none: kept so
        value=raw.value if raw.value is not None else b"",
        headers=(*kept, *((name, value.encode()) for name, value in added.items())),
    )
