"""The faults themselves, in a size of choice: short for every run, long for the record.

Each leaves the pipeline ready and at rest, and returns what the checker found.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import psutil

from tests.support.checker import Report
from tests.support.pipeline import SERVICES, Member, Pipeline
from tests.support.traffic import Request, traffic
from tests.support.waiting import eventually
from tests.support.world import Answer, World

_CROWD = 24
"""Senders at a time."""


# -- traffic ---------------------------------------------------------------------------------
@dataclass(slots=True)
class Stream:
    """Hand-raises that keep coming; each is delivered until it is taken, some several times."""

    outside: World
    taken: int = 0
    _crowd: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CROWD))

    async def send(self, requests: Iterable[Request], per_second: float, seed: int = 1) -> None:
        """Open loop at a rate, as far as the crowd allows; every fifth is sent again, half of
        those at the same moment."""
        dice = random.Random(seed)
        async with asyncio.TaskGroup() as group:
            for request in requests:
                group.create_task(self._deliver(request, dice.random()))
                await asyncio.sleep(1 / per_second)

    async def until(self, taken: int, timeout: float = 180.0) -> None:
        """Returns when that many hand-raises were taken."""
        await eventually(lambda: self.taken >= taken, timeout, f"{taken} taken")

    async def _deliver(self, request: Request, chance: float) -> None:
        async with self._crowd:
            if chance < 0.1:
                await asyncio.gather(self._one(request), self._one(request))
            else:
                await self._one(request)
                if chance < 0.2:
                    await self._one(request)
            self.taken += 1

    async def _one(self, request: Request) -> None:
        answer = await self.outside.deliver(request)
        assert answer.status == 200, answer


@contextlib.asynccontextmanager
async def stream(outside: World, run: str, count: int, per_second: float) -> AsyncIterator[Stream]:
    """``count`` hand-raises beside the block; all are taken when it ends."""
    made = Stream(outside)
    sending = asyncio.create_task(made.send(traffic(run, count), per_second))
    try:
        yield made
        await sending
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


# -- kill -9 of each service in turn ---------------------------------------------------------
async def kill_in_turn(
    outside: World, run: str, leads: int, kills: int, per_second: float = 25.0
) -> Report:
    """``kills`` services die, evenly spread over the traffic, each ready before the next dies."""
    pipeline = outside.pipeline
    async with stream(outside, run, leads, per_second) as flow:
        for number, name in enumerate(islice(cycle(SERVICES), kills), 1):
            await flow.until(leads * number // (kills + 1))
            await asyncio.to_thread(pipeline.kill, name)
            await asyncio.to_thread(pipeline.ready)
    return await outside.settled(180)


# -- a broker or a database goes and comes back ----------------------------------------------
@dataclass(frozen=True, slots=True)
class Outage:
    """How it looked to senders."""

    report: Report
    answers: tuple[Answer, ...]
    """Every attempt from shortly before it began until all was well again."""

    @property
    def slowest_s(self) -> float:
        return max(answer.seconds for answer in self.answers)

    def counts(self) -> dict[str, int]:
        """Answers by status."""
        found: dict[str, int] = {}
        for answer in self.answers:
            found[str(answer.status)] = found.get(str(answer.status), 0) + 1
        return found


async def outage(
    outside: World,
    requests: Sequence[Request],
    take_down: Callable[[], None],
    bring_back: Callable[[], None],
    per_second: float = 10.0,
) -> Outage:
    """Posts at a steady rate, each request once, from before the outage until all is well."""
    back, first = asyncio.Event(), len(outside.answers)

    async def post() -> None:
        async with asyncio.TaskGroup() as group:
            for number, request in enumerate(requests):
                group.create_task(outside.attempt(request))
                await asyncio.sleep(1 / per_second)
                if back.is_set() and number >= 10:
                    return
        raise AssertionError("it was away for longer than there were requests")

    posting = asyncio.create_task(post())
    try:
        await eventually(lambda: len(outside.answers) >= first + 5, 30)
        await asyncio.to_thread(take_down)
        await asyncio.to_thread(bring_back)
        await asyncio.to_thread(outside.pipeline.ready, 120)
        back.set()
        await posting
    finally:
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
    report = await outside.settled(120)
    return Outage(report, tuple(outside.answers[first:]))


# -- capture dies between acceptance and answer ----------------------------------------------
async def die_before_the_answer(outside: World, extra: Member, request: Request) -> Answer:
    """Kills a capture process when its record has left it and before the broker can answer.

    The broker is frozen, so that the record stays in the broker's socket, whole, until capture is
    dead; then the broker goes on and takes it. Returns what the sender saw.
    """
    broker = outside.pipeline.broker()
    port = int(outside.pipeline.kafka.rpartition(":")[2])
    size = len(request.body) * 4 // 3  # the record carries the body as base64
    broker.suspend()
    try:
        attempt = asyncio.create_task(outside.attempt(request, extra.url))
        await eventually(lambda: attempt.done() or _waiting_bytes(port) > size, 20)
        extra.kill()
    finally:
        broker.resume()
    return await attempt


async def die_in_flight(outside: World, extra: Member, requests: Sequence[Request]) -> list[Answer]:
    """Kills a capture process under a crowd of senders, as soon as a fifth of it is on the bus."""
    digests = [request.digest.encode() for request in requests]

    def shows() -> bool:
        on_bus = b"".join(seen.value or b"" for seen in outside.bus.of("submissions.v1"))
        return sum(digest in on_bus for digest in digests) > len(digests) // 5

    async def sender(share: Sequence[Request]) -> list[Answer]:
        return [await outside.attempt(request, extra.url) for request in share]

    senders = [asyncio.create_task(sender(requests[n::_CROWD])) for n in range(_CROWD)]
    await outside.bus.until(shows, 30, "the first submissions")
    extra.kill()
    return [answer for share in await asyncio.gather(*senders) for answer in share]


def _waiting_bytes(port: int) -> int:
    """The most bytes that wait unread in one socket of a local port (Linux)."""
    most = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if int(words[1].rpartition(":")[2], 16) == port:
                most = max(most, int(words[4].rpartition(":")[2], 16))
    return most


# -- replay from the first record ------------------------------------------------------------
async def replay_from_zero(
    pipeline: Pipeline, names: Sequence[str], groups: dict[str, tuple[str, int]]
) -> None:
    """Puts groups back to offset zero and waits until they have read everything once more.

    A group can only be moved while it has no member. So its processes are frozen until the
    coordinator has given them up; when they go on, they join again and find the old position gone.

    :param groups: group -> its topic and the number of its partitions.
    """
    before = {group: pipeline.positions(group, *place) for group, place in groups.items()}
    frozen = [pipeline.service(name) for name in names]
    try:
        for process in frozen:
            process.suspend()
        for group, place in groups.items():
            await asyncio.to_thread(pipeline.rewind, group, *place)
    finally:
        for process in frozen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def through() -> bool:
        return all(
            now >= then
            for group, place in groups.items()
            for now, then in zip(pipeline.positions(group, *place), before[group], strict=True)
        )

    deadline = time.monotonic() + 120
    while not await asyncio.to_thread(through):
        assert time.monotonic() < deadline, "the groups did not get through again"
        await asyncio.sleep(0.2)
    await asyncio.to_thread(pipeline.ready)
