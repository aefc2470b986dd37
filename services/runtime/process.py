"""What a process of ours does with the event loop and the outside, whatever service it runs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from services.runtime.database import is_infrastructure
from services.runtime.logs import describe
from services.runtime.metrics import Metrics

_LAG_PERIOD_S: Final = 0.1
_LAG_WINDOW: Final = 150
"""Samples: the gauge is the worst of the last 15 seconds."""

log = structlog.get_logger(__name__)


async def reachable(servers: str) -> None:
    """Connect to any of ``servers``; raises the last OSError."""
    last: OSError = OSError("no address")
    for address in servers.split(","):
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(2.0):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError as error:
            last = error
        else:
            writer.close()
            return
    raise last


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one; None: what asyncio takes by itself."""
    try:
        import uvloop
    except ImportError:  # not made for this platform
        return None
    return uvloop.new_event_loop


def collect_less() -> None:
    """What lives from here to the end need not be walked by every full collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def log_unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler; asyncio's own would print the exception's text."""
    error = context.get("exception")
    described = describe(error) if isinstance(error, BaseException) else {}
    if error is not None and is_infrastructure(error):
        log.warning("loop.infrastructure", **described)
    else:
        log.error("loop.unhandled", **described)


def wait_for_eof(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """The supervisor holds the other end of stdin; it closes however the supervisor ends."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stop)


async def watch_lag(metrics: Metrics) -> None:
    """How late the event loop wakes up: what every request and record waits for, at worst."""
    worst: list[float] = [0.0] * _LAG_WINDOW
    turn = 0
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_LAG_PERIOD_S)
        worst[turn] = max(0.0, time.perf_counter() - before - _LAG_PERIOD_S)
        turn = (turn + 1) % _LAG_WINDOW
        metrics.loop_lag.set(max(worst))
