"""A process that hangs: it holds its connections and does nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.waiting import wait_until


def freeze(pid: int) -> None:
    """Stop a process; returns when its last thread has stopped, which takes a few milliseconds in
    which the others still answer."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(state in "TtZX" for state in _states(pid)), 10, f"{pid} stopped")


def thaw(pid: int) -> None:
    """Let it go on."""
    os.kill(pid, signal.SIGCONT)


def _states(pid: int) -> list[str]:
    # proc_pid_stat(5): the state follows the name, which is in parentheses.
    found = Path(f"/proc/{pid}/task").glob("*/stat")
    return [_text(path).rpartition(")")[2].split()[0] for path in found]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ") X"  # it ended meanwhile
