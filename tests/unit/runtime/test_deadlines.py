"""Waits that are bounded without a timer of their own."""

from __future__ import annotations

import asyncio

import pytest

from services.runtime.deadlines import Deadlines, promptly
from tests.support.waiting import PATIENCE

LONG_S = 60.0 * PATIENCE


class Loop:
    """Counts the timers that are set while it is entered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.timers = 0
        loop = asyncio.get_running_loop()
        call_at = loop.call_at

        def counted(*args: object, **kwargs: object) -> asyncio.TimerHandle:
            self.timers += 1
            return call_at(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(loop, "call_at", counted)


async def test_what_need_not_wait_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once() -> int:
        return 7

    loop = Loop(monkeypatch)
    assert await promptly(at_once(), LONG_S) == 7
    assert loop.timers == 0


async def test_what_waits_goes_on_where_it_was() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> list[object]:
        seen: list[object] = ["begun"]
        seen.append(await future)
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0)
        except TimeoutError:
            seen.append("late")
        await asyncio.sleep(0)
        return seen

    working = asyncio.create_task(promptly(work(), LONG_S))
    await asyncio.sleep(0)
    future.set_result(1)
    assert await working == ["begun", 1, "late"]


async def test_what_fails_fails_before_a_wait_and_after_it() -> None:
    async def broken(waits: bool) -> None:
        if waits:
            await asyncio.sleep(0)
        raise KeyError

    for waits in (False, True):
        with pytest.raises(KeyError):
            await promptly(broken(waits), LONG_S)


async def _hangs(ended: asyncio.Event) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()


async def test_what_waits_too_long_is_cancelled() -> None:
    ended = asyncio.Event()
    with pytest.raises(TimeoutError):
        await promptly(_hangs(ended), 0.01)
    assert ended.is_set()


async def test_whoever_is_cancelled_cancels_what_was_begun() -> None:
    ended = asyncio.Event()
    waiting = asyncio.create_task(promptly(_hangs(ended), LONG_S))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def test_many_waits_share_a_timer_and_each_has_its_own_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    deadlines, now = Deadlines(), loop.time()
    futures: list[asyncio.Future[int]] = [loop.create_future() for _ in range(100)]
    counted = Loop(monkeypatch)
    waits = [asyncio.create_task(deadlines.wait(f, now + LONG_S)) for f in futures]
    await asyncio.sleep(0)
    assert counted.timers == 1
    for number, future in enumerate(futures):
        if number % 2:
            future.set_result(number)
        else:
            future.set_exception(KeyError(number))
    found = await asyncio.gather(*waits, return_exceptions=True)
    assert found[1::2] == list(range(1, 100, 2))
    assert all(isinstance(one, KeyError) for one in found[::2])


async def test_the_first_to_be_due_ends_first_whenever_it_came() -> None:
    loop = asyncio.get_running_loop()
    deadlines, now = Deadlines(), loop.time()
    ends: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        with pytest.raises(TimeoutError):
            await deadlines.wait(loop.create_future(), now + seconds)
        ends.append(name)

    last: asyncio.Future[int] = loop.create_future()
    patient = asyncio.create_task(deadlines.wait(last, now + LONG_S))
    async with asyncio.timeout(LONG_S), asyncio.TaskGroup() as group:
        for name, seconds in (("second", 0.1), ("first", 0.01), ("over", -1.0)):
            group.create_task(wait(name, seconds))
    assert ends == ["over", "first", "second"]
    assert not patient.done()
    last.set_result(3)
    assert await patient == 3


async def test_who_gave_up_leaves_nothing_behind() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines()
    future: asyncio.Future[int] = loop.create_future()
    waiting = asyncio.create_task(deadlines.wait(future, loop.time() + LONG_S))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert future.cancelled()
    assert not deadlines._due
