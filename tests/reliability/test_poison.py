"""A record that no stage can read costs only itself."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.support.observer import Seen
from tests.support.pipeline import Pipeline
from tests.support.storms import stream
from tests.support.up import handraise
from tests.support.world import World, world

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(600)]

TOPIC, LETTERS = "leads.captured.v1", "leads.captured.v1.enrichment.dlq"
LEADS = 40
_TYPE, _OTHER_TYPE = "com.handraise.lead.captured.v1", "com.handraise.touch.due.v1"
_LARGEST = 1_048_000
"""As much as a topic of Kafka takes, with room for what surrounds a record."""


@dataclass(frozen=True)
class Poison:
    """A record that somebody put on a topic, and why it must be set aside."""

    name: str
    reason: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    key: bytes | None = b"poison.example"


def _headers(type_: str = _TYPE) -> tuple[tuple[str, bytes], ...]:
    return (
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid.uuid4()).encode()),
        ("ce_type", type_.encode()),
        ("ce_source", b"/stranger"),
        ("ce_time", b"2026-11-23T09:00:00+00:00"),
    )


def poisons(run: str) -> list[Poison]:
    """Garbage, near misses and excess; ``run`` makes them unlike those of another run."""
    mark = run.encode()

    def wrong(name: str) -> bytes:
        return json.dumps({"run": run, "poison": name, "lead": {"email": 7}}).encode()

    return [
        Poison("garbage", "not_a_cloudevent", b"\x00\xff\xfe no JSON " + mark),
        Poison("no JSON under our name", "invalid", b"\x80\x81" + mark, _headers()),
        Poison("wrong fields", "invalid", wrong("fields"), _headers()),
        Poison("another event", "unexpected_type", wrong("event"), _headers(_OTHER_TYPE)),
        Poison("a broken header", "not_a_cloudevent", wrong("id"), (("ce_id", b"\xff" + mark),)),
        Poison("no key", "invalid", b"[" * 50_000 + mark, _headers(), key=None),
        Poison("huge", "invalid", mark + b"x" * (_LARGEST - 1000), _headers()),
        Poison("empty", "invalid", b"", _headers()),
    ]


async def test_poison_costs_only_itself(pipeline: Pipeline, run: str) -> None:
    bad = poisons(run)
    async with world(pipeline) as outside:
        before = len(outside.bus.of(LETTERS))
        async with stream(outside, run, LEADS, per_second=20) as flow:
            await flow.until(LEADS // 4)
            await _publish(pipeline.kafka, bad)
        await outside.bus.until(
            lambda: len(outside.bus.of(LETTERS)) >= before + len(bad), 60, "the dead letters"
        )
        report = await outside.settled()
        letters = outside.bus.of(LETTERS)[before:]
        assert report.accepted == LEADS
        assert "dead_lettered" not in report.ends
        _are_the_originals(letters, bad)
        await _commands_handle_them(outside, pipeline, letters, before)
    pipeline.ready()


async def _publish(bootstrap: str, bad: list[Poison]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=2 * _LARGEST)
    await producer.start()
    try:
        for one in bad:
            await producer.send_and_wait(TOPIC, one.value, key=one.key, headers=list(one.headers))
    finally:
        await producer.stop()


def _are_the_originals(letters: list[Seen], bad: list[Poison]) -> None:
    assert len(letters) == len(bad), "each once"
    by_value = {letter.value: letter for letter in letters}
    for one in bad:
        letter = by_value[one.value]
        assert letter.key == one.key, one.name
        own = tuple((n, v) for n, v in letter.headers if not n.startswith("x-handraise-"))
        assert own == one.headers, one.name
        assert letter.header("x-handraise-reason") == one.reason, one.name
        assert letter.header("x-handraise-topic") == TOPIC
        assert letter.header("x-handraise-stage") == "enrichment"
        assert (letter.header("x-handraise-offset") or "").isdigit()


async def _commands_handle_them(
    outside: World, pipeline: Pipeline, letters: list[Seen], before: int
) -> None:
    refs = [f"{letter.topic}/{letter.partition}/{letter.offset}" for letter in letters]
    listed = {row["ref"]: row for row in _dlq(pipeline, "list")["dead_letters"]}
    assert set(refs) <= listed.keys()
    for ref, letter in zip(refs, letters, strict=True):
        assert listed[ref]["reason"] == letter.header("x-handraise-reason")
        assert listed[ref]["replays"] == 0
    garbage = next(letter for letter in letters if (letter.value or b"").startswith(b"\x00"))
    ref = f"{garbage.topic}/{garbage.partition}/{garbage.offset}"
    shown = _dlq(pipeline, "show", ref)
    assert base64.b64decode(shown["value"].removeprefix("base64:")) == garbage.value
    assert (shown["origin_topic"], shown["key"]) == (TOPIC, "poison.example")
    assert _dlq(pipeline, "replay", ref) == {"replayed": [ref]}
    # Still poison: it comes back, and says that it was tried again.
    await outside.bus.until(
        lambda: len(outside.bus.of(LETTERS)) == before + len(letters) + 1, 60, "the replayed one"
    )
    again = outside.bus.of(LETTERS)[-1]
    assert again.value == garbage.value
    assert again.header("x-handraise-replays") == "1"
    await outside.settled()


def _dlq(pipeline: Pipeline, *arguments: str) -> dict[str, Any]:
    done = handraise("dlq", *arguments, "--json", "--data", pipeline.up.line["data"])
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
