"""Dead letters are read without being consumed, and go back as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from schemas.erasure import LeadErased
from services.runtime import dead_letters
from services.runtime.dead_letters import DeadLetter, parse, replay_of
from services.runtime.records import Output, Record
from services.runtime.stage.dead_letter import dead_letter
from services.runtime.stage.decode import Fault, decode
from tests.support.kafka import Broker
from tests.support.stages import (
    contents,
    event_output,
    passed_on,
    raw,
    running,
    stage,
    topic,
    topics_on,
)
from tests.support.waiting import eventually

IN = topic("shell.letters.v1")


def buried(record: ConsumerRecord) -> Output:
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    return dead_letter(record, Fault("failed", "why"), service="svc", stage="s", attempt=2, at=at)


def letter_of(out: Output) -> DeadLetter:
    return parse(raw(buried(raw(out, 9, 2)), 0))


def decoded(record: ConsumerRecord) -> Record[LeadErased]:
    found = decode(record, LeadErased)
    assert isinstance(found, Record)
    return found


def test_a_letter_tells_what_happened() -> None:
    out = event_output(IN)
    letter = letter_of(out)
    assert (letter.reason, letter.detail, letter.stage, letter.attempt) == ("failed", "why", "s", 2)
    assert (letter.origin_topic, letter.origin_partition, letter.origin_offset) == (IN.name, 2, 9)
    assert letter.ref == f"{IN.name}.svc.dlq/0/0"


def test_a_replay_is_the_original_and_counts() -> None:
    out = event_output(IN)
    replay = replay_of(letter_of(out))
    assert (replay.topic, replay.key, replay.value) == (IN.name, out.key, out.value)
    written = ("x-handraise-written", b"1800000000000")
    assert replay.headers == (*out.headers, ("x-handraise-replays", b"1"), written)
    again = letter_of(replace(out, headers=replay.headers))
    assert again.replays == 1
    assert replay_of(again).headers == (*out.headers, ("x-handraise-replays", b"2"), written)


def test_a_replay_stays_as_old_as_it_was_unless_it_is_wanted_as_new() -> None:
    out = event_output(IN)
    old = parse(raw(buried(raw(out, 9, 2, timestamp=1_700_000_000_000)), 0))
    back = raw(replace(out, headers=replay_of(old).headers), timestamp=1_790_000_000_000)
    assert decoded(back).written_ms == 1_700_000_000_000
    assert parse(raw(buried(back), 0)).written_ms == 1_700_000_000_000, "at every further replay"
    new = raw(
        replace(out, headers=replay_of(old, as_new=True).headers), timestamp=1_790_000_000_000
    )
    assert decoded(new).written_ms == 1_790_000_000_000


def test_a_header_without_a_value_stops_nothing() -> None:
    out = event_output(IN)
    nothing: Any = (("x-handraise-written", None),)
    assert decoded(raw(replace(out, headers=(*out.headers, *nothing)))).written_ms


@pytest.mark.parametrize(
    ("header", "stamp", "written"),
    [
        (b"1900000000000", 1_800_000_000_000, 1_800_000_000_000),
        (b"1700000000000", 0, 1_700_000_000_000),
        (b"yesterday", 1_800_000_000_000, 1_800_000_000_000),
        (b"9" * 5000, 1_800_000_000_000, 1_800_000_000_000),
        (b"", 1_800_000_000_000, 1_800_000_000_000),
        (None, -1, None),
    ],
)
def test_nobody_makes_a_record_younger_than_its_topic_says(
    header: bytes | None, stamp: int, written: int | None
) -> None:
    out = event_output(IN)
    added = () if header is None else (("x-handraise-written", header),)
    one = raw(replace(out, headers=(*out.headers, *added)), timestamp=stamp)
    assert decoded(one).written_ms == written


def test_a_stranger_in_the_topic_is_shown_and_cannot_be_replayed() -> None:
    stranger = parse(raw(replace(event_output(IN), headers=())))
    assert stranger.reason == ""
    with pytest.raises(ValueError, match="does not name the topic"):
        replay_of(stranger)


async def test_letters_are_listed_found_and_replayed(kafka: Broker) -> None:
    settings = kafka.settings
    source, to = await topics_on(settings)
    broken = True

    async def handle(records: Sequence[Record[LeadErased]]) -> Sequence[Output]:
        if broken:
            raise ValueError("a bug")
        return [passed_on(record, to) for record in records]

    sent = [event_output(source) for _ in range(3)]
    letters = source.dead_letters("svc")
    async with running(settings, stage(source, to, handle)) as lane:
        await lane.publish(sent)

        async def three() -> list[DeadLetter]:
            found = [letter async for letter in dead_letters.read(settings, [letters])]
            return found if len(found) == 3 else []

        found = await eventually(three)
        assert {letter.value for letter in found} == {out.value for out in sent}
        assert await three(), "reading does not consume"
        one = await dead_letters.find(settings, found[1].ref)
        assert one == found[1]
        assert await dead_letters.find(settings, f"{letters}/0/99") is None

        broken = False  # the bug is mended
        replays = [replay_of(letter) for letter in found]
        await lane.publish([Output(r.topic, r.key or b"", r.value, r.headers) for r in replays])

        async def out() -> bool:
            return len(await contents(settings, to.name)) == 3

        await eventually(out)
    assert {r.value for r in await contents(settings, to.name)} == {out.value for out in sent}


async def test_topics_that_do_not_exist_hold_no_letters(kafka: Broker) -> None:
    missing = [f"{topic().name}.svc.dlq"]
    assert [letter async for letter in dead_letters.read(kafka.settings, missing)] == []
