"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 4.0
"""How many times its usual time a thing may take here: a machine that runs tests has other work,
and what is asserted is that there is a bound, not how near to it an idle machine comes. The figures
themselves are of benchmarks and of the long reliability runs."""


def wait_until(check: Callable[[], T], timeout: float = 10.0, what: str = "") -> T:
    """The first truthy answer of ``check``; AssertionError after ``PATIENCE * timeout`` seconds."""
    deadline = time.monotonic() + PATIENCE * timeout
    while not (answer := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE * timeout} s: {what or _source(check)}")
        time.sleep(0.02)
    return answer


async def eventually(
    check: Callable[[], Any], timeout: float = 10.0, what: str = "", pause: float = 0.02
) -> Any:
    """As :func:`wait_until` in a running loop; ``check`` may be a coroutine function."""
    deadline = time.monotonic() + PATIENCE * timeout
    while True:
        answer = check()
        value = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE * timeout} s: {what or _source(check)}")
        await asyncio.sleep(pause)


def _source(check: Callable[..., object]) -> str:
    try:
        return " ".join(inspect.getsource(check).split())
    except (OSError, TypeError):
        return repr(check)
