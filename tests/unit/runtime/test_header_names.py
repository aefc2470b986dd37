"""Header names that are no UTF-8, which aiokafka alone cannot read."""

from __future__ import annotations

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from services.runtime.stage.header_names import _Fetched
from tests.support.stages import NoText

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batch(codec: int, first: int, *names: str) -> bytes:
    """Records of one header each."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 99_999)
    for at, name in enumerate(names):
        builder.append(at, 1_000 + at, b"key", b"value %d" % (first + at), [(name, b"said")])
    return bytes(builder.build())


def read(raw: bytes) -> list[tuple[bytes, str]]:
    """Value and header's name of each record, as the fetcher reads them."""
    fetched, found = _Fetched(raw), []
    while fetched.has_next():
        one = fetched.next_batch()
        assert (one.validate_crc(), one.is_control_batch) == (True, False)
        seen = set()
        for record in one:
            if record.offset not in seen:  # the fetcher passes over what it has had
                seen.add(record.offset)
                assert (record.key, record.timestamp) == (b"key", 1_000 + record.offset)
                found.append((record.value, record.headers[0][0]))
        assert max(seen) + 1 == one.next_offset
    return found


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_every_record_is_read_whatever_its_headers_are_called(codec: int) -> None:
    raw = batch(codec, 0, "ce_id", NoText("xx"), "ünï") + batch(codec, 3, "good")
    names = ["ce_id", r"\xff\xfe", "ünï", "good"]
    assert read(raw) == [(b"value %d" % at, name) for at, name in enumerate(names)]


def test_what_is_really_broken_stays_broken() -> None:
    raw = bytearray(batch(0, 0, "ce_id"))
    raw[61] = 0x7E  # the length of the first record
    with pytest.raises(CorruptRecordException):
        list(_Fetched(bytes(raw)).next_batch())
