"""Waits with a bound that cost no timer of their own.

A timer of the event loop costs several microseconds to set and as much to take back, and of a
thousand waits nearly all end long before their bound. So whoever need not wait at all sets none,
and those who wait for a broker share one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Final, TypeVar

T = TypeVar("T")

_NEVER: Final = float("inf")


async def promptly(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The result of ``work``, which is cancelled after so many seconds.

    What can be had without waiting is had without a timer.

    :raises TimeoutError: as ``asyncio.timeout`` does.
    """
    try:
        first = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout(seconds):
        rest: T = await _Begun(work, first)
        return rest


class _Begun:
    """Awaits the rest of a coroutine that has run up to its first wait."""

    def __init__(self, work: Coroutine[Any, Any, T], first: Any) -> None:
        self._work = work
        self._first = first

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._first
        while True:
            thrown: BaseException | None = None
            try:
                sent = yield waits_for
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:
                sent, thrown = None, error
            try:
                waits_for = self._work.throw(thrown) if thrown else self._work.send(sent)
            except StopIteration as done:
                return done.value


class Deadlines:
    """Bounds for futures that others resolve, on one timer; all in one event loop."""

    def __init__(self) -> None:
        self._due: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = _NEVER

    async def wait(self, future: asyncio.Future[T], deadline: float) -> T:
        """The result of ``future``, which is nobody else's: it fails at its deadline, and is
        cancelled together with whoever waits.

        :param deadline: in the loop's time.
        :raises TimeoutError: it was not resolved in time.
        """
        self._due[future] = deadline
        if deadline < self._wakes_at:
            self._wake_at(deadline)
        try:
            return await future
        finally:
            self._due.pop(future, None)

    def _wake_at(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(moment, self._expire)
        self._wakes_at = moment

    def _expire(self) -> None:
        # The loop may call a little early; whoever was meant must not be passed over.
        now = max(asyncio.get_running_loop().time(), self._wakes_at)
        for future, deadline in list(self._due.items()):
            if deadline <= now:
                del self._due[future]
                if not future.done():
                    future.set_exception(TimeoutError())
        self._timer, self._wakes_at = None, _NEVER
        if self._due:
            self._wake_at(min(self._due.values()))
