"""Dead letters are read without being consumed, and go back as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.erasure import LeadErased
from services.runtime import dead_letters
from services.runtime.dead_letters import DeadLetter, parse, replay_of
from services.runtime.records import Output, Record
from services.runtime.stage.dead_letter import dead_letter
from services.runtime.stage.decode import Fault
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


def letter_of(out: Output) -> DeadLetter:
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    buried = dead_letter(
        raw(out, 9, 2), Fault("failed", "why"), service="svc", stage="s", attempt=2, at=at
    )
    return parse(raw(buried, 0))


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
    assert replay.headers == (*out.headers, ("x-handraise-replays", b"1"))
    again = letter_of(replace(out, headers=replay.headers))
    assert again.replays == 1
    assert replay_of(again).headers == (*out.headers, ("x-handraise-replays", b"2"))


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
