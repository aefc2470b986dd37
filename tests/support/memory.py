"""A folder in memory, for files by the thousand that nobody needs tomorrow.

A database of a test is a copy of some hundred files: 0.25 to 0.5 s of processor on a disk, 0.02 s
in memory.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_MEMORY = Path("/dev/shm")
_NEEDED_BYTES = 2 * 1024**3
_PREFIX = "handraise-tests-"


@contextmanager
def folder() -> Iterator[Path | None]:
    """An empty folder that is gone with the block; None where there is no such place or no room."""
    if not _usable():
        yield None
        return
    _sweep()
    made = _MEMORY / f"{_PREFIX}{os.getpid()}"
    made.mkdir(mode=0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _usable() -> bool:
    try:
        room = shutil.disk_usage(_MEMORY).free >= _NEEDED_BYTES
    except OSError:
        return False
    return room and os.access(_MEMORY, os.W_OK)


def _sweep() -> None:
    """Forget what runs that were killed have left."""
    for left in _MEMORY.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX)
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
