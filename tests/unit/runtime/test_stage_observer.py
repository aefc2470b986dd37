"""The watchdog's eyes: a stage is not blamed for the time that its broker was away."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.runtime.stage.observe import SILENCE_S, Observer

PLACE = TopicPartition("in", 0)


class World:
    """A subscriber whose last fetch was answered when we say, and its broker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.fetched_at, self.answers = 1000.0, 1000.0, True
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "time", lambda: self.now)
        nothing: Any = lambda *_: None  # noqa: E731
        telemetry = SimpleNamespace(lag=nothing, batch_line=nothing, shown=nothing)
        consumer = SimpleNamespace(
            assignment=lambda: {PLACE},
            highwater=lambda _: None,
            last_poll_timestamp=lambda _: self.fetched_at * 1000,
        )
        self.subscriber: Any = SimpleNamespace(
            runner=SimpleNamespace(telemetry=telemetry, spec=SimpleNamespace(name="stage")),
            consumer=consumer,
            joined=True,
            paused=False,
            at_hand=(),
            beat_at=self.now,
            taken_at=self.now,
            retrying=False,
            waiting_for=None,
            broker_silent=False,
        )
        self.observer = Observer(self.subscriber, self._ask)

    async def _ask(self) -> bool:
        return self.answers

    async def passes(self, seconds: float) -> list[str]:
        """Time goes by in steps of a second; the loop polls, fetches are not answered."""
        said = []
        for _ in range(int(seconds)):
            self.now += 1
            self.subscriber.beat_at = self.now
            if (reason := await self.observer.look()) is not None:
                said.append(reason)
        return said


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.mark.parametrize("away", [20, 29, 31, 300])
async def test_an_outage_of_any_length_is_no_reason(world: World, away: int) -> None:
    world.answers = False
    assert await world.passes(away) == []
    assert world.subscriber.broker_silent
    world.answers = True
    assert await world.passes(25) == [], "back, and the consumer has not reconnected yet"
    world.fetched_at = world.now
    assert await world.passes(SILENCE_S - 1) == []
    assert not world.subscriber.broker_silent


async def test_a_fetch_that_stays_unanswered_by_a_broker_that_is_there_is_one(
    world: World,
) -> None:
    assert await world.passes(29) == []
    assert (await world.passes(3))[-1] == "no answer to a fetch for 32 s"


async def test_a_consumer_that_does_not_find_back_is_one(world: World) -> None:
    world.answers = False
    assert await world.passes(60) == []
    world.answers = True
    said = await world.passes(32)
    assert said, "patience ends, half a minute after the broker was back"
