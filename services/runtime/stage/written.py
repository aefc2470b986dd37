"""When a record was first written to its topic."""

from __future__ import annotations

from typing import Final

from aiokafka import ConsumerRecord

WRITTEN: Final = "x-handraise-written"
"""Milliseconds since the epoch, on a record that was put back: it is as old as it was."""
_MOST_DIGITS = 15


def written_ms(raw: ConsumerRecord) -> int | None:
    """Milliseconds since the epoch; None where nothing tells.

    A record that says it is younger than its topic says is not believed.
    """
    stamp: int | None = raw.timestamp if raw.timestamp > 0 else None
    for name, value in raw.headers:
        # A stranger's header may have no value at all.
        if name == WRITTEN and value and len(value) <= _MOST_DIGITS and value.isdigit():
            told = int(value)
            return told if stamp is None else min(told, stamp)
    return stamp
