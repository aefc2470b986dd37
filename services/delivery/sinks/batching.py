"""Many messages in one call, for sinks whose interface is made for that.

A worker sends one message at a time; what comes while a call is under way goes with the next one.
Nobody waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from services.delivery.model import Outcome
from services.delivery.sinks.base import Message

Together = Callable[[Sequence[Message]], Awaitable[Sequence[Outcome]]]
"""Sends all of them; one outcome for each, in order. What it raises concerns all of them."""

_BETWEEN_S: Final = 0.25
"""Between the ends of two calls: vendors count calls, not messages."""


class Batcher:
    """Collects concurrent messages of one sink."""

    def __init__(self, most: int, together: Together, between_s: float = _BETWEEN_S) -> None:
        self._most = most
        self._together = together
        self._between_s = between_s
        self._waiting: list[tuple[Message, asyncio.Future[Outcome]]] = []
        self._task: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> Outcome:
        """The outcome of this message; raises what the call raised."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            asked = [(message, future) for message, future in taken if not future.done()]
            if asked:
                await self._call(asked)
                await asyncio.sleep(self._between_s)

    async def _call(self, asked: Sequence[tuple[Message, asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await self._together([message for message, _ in asked])
        except Exception as error:
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), outcome in zip(asked, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
