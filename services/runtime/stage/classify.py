"""Whose fault an error is: what is outside (wait), or the record (set it aside)."""

from __future__ import annotations

import asyncio
from typing import Literal

from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
)
from tenacity import wait_random_exponential

from services.runtime.database import is_infrastructure
from services.runtime.producer import OutputTooLarge
from services.runtime.stage.decode import Fault, describe

WaitingFor = Literal["postgres", "kafka"]

_TOO_LARGE = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    OutputTooLarge,
)

BACK_OFF = wait_random_exponential(multiplier=0.05, min=0.05, max=1.0)
"""50 ms to 1 s, with jitter, so that the members of a group do not return in step."""


def waiting_for(error: BaseException, *, publishing: bool) -> WaitingFor | None:
    """What to wait for; None where waiting cannot help because the record itself is at fault."""
    if isinstance(error, _TOO_LARGE):
        return None
    if isinstance(error, BaseExceptionGroup):  # of a handler's TaskGroup
        found = [waiting_for(member, publishing=publishing) for member in error.exceptions]
        return found[0] if all(found) else None
    if isinstance(error, KafkaError):
        return "kafka"
    if publishing and isinstance(error, OSError):  # TimeoutError is one
        return "kafka"
    if isinstance(error, asyncio.CancelledError):
        return None
    return "postgres" if is_infrastructure(error) else None


def fault_of(error: BaseException) -> Fault:
    """The dead-letter reason of an error that a record raised when it was alone."""
    if isinstance(error, _TOO_LARGE):
        return Fault("too_large", str(error) if isinstance(error, OutputTooLarge) else "refused")
    return Fault("failed", describe(error))
