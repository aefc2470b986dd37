"""Records that have headers with names that are no UTF-8.

Kafka takes them from anybody; aiokafka raises in the middle of a fetch, at each poll again, so one
such record would stop everything behind it, and lose what was read before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.memory_records import _MemoryRecordsPy

_MAGIC_AT = 16
"""Where a batch says its format; 2 is the first with headers."""


def read_any_header_name() -> None:
    """Make every consumer of this process read them; what is no UTF-8 becomes ``\\xff``."""
    fetcher.MemoryRecords = _Fetched


class _Text(bytearray):
    """Bytes of which every part can be decoded."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Text(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # final for typing alone
    def __iter__(self) -> Any:
        batch = super().__iter__()  # unpacks what is compressed
        self._buffer: bytearray = _Text(self._buffer)
        return batch


class _Batch:
    """Read fast, and once more in the lenient way where that fails."""

    def __init__(self, raw: bytes | memoryview) -> None:
        self._raw = raw
        self._fast = DefaultRecordBatch(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __next__(self) -> Any:
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._fast
        except (UnicodeDecodeError, CorruptRecordException):
            # From its beginning: the fetcher passes over what it has had.
            yield from _LenientBatch(self._raw)


class _Fetched(_MemoryRecordsPy):  # type: ignore[misc]
    """What one fetch brought of a partition."""

    def next_batch(self, *_: Any) -> Any:
        raw = self._next_slice
        batch = super().next_batch()
        return batch if raw is None or isinstance(batch, LegacyRecordBatch) else _Batch(raw)
