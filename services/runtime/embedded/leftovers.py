"""Ends processes that an owner who was killed left on a data folder."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable

import psutil

PATIENCE = 6.0
"""Seconds: its guard is probably ending it right now, so first wait, then ask, then kill."""


def end(belongs: Callable[[psutil.Process], bool], stop: signal.Signals) -> None:
    """Returns when no process ``belongs`` any more; call it only under the lock of the folder."""
    deadline = time.monotonic() + PATIENCE
    number = stop
    while left := [process for process in psutil.process_iter() if _is(belongs, process)]:
        if time.monotonic() > deadline:
            for process in left:
                # One that has just ended by itself is what we wanted.
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            number, deadline = signal.SIGKILL, time.monotonic() + PATIENCE
        time.sleep(0.05)


def _is(belongs: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    try:
        return belongs(process)
    except psutil.Error:
        return False
