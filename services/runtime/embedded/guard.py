"""Runs one command and ends it cleanly when its owner goes away, however the owner goes.

``python guard.py --signal INT --grace 15 -- COMMAND``: standard input is a pipe whose other end the
owner holds. When it closes (the owner stopped, crashed or was killed with -9) the command gets the
signal, after ``--grace`` seconds SIGKILL, and so do the orphans that it leaves. Exits with the
command's code. A program of its own, on the standard library alone, so that it starts in 30 ms and
nothing that happens in the owner's interpreter can stop it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_ORPHAN_GRACE = 2.0
"""Seconds that orphans get to notice that their parent is gone."""


def command(argv: list[str], *, stop: signal.Signals, grace: float) -> list[str]:
    """The command line that runs ``argv`` under a guard; give it a pipe as standard input."""
    own = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [*own, "--signal", stop.name.removeprefix("SIG"), "--grace", str(grace), "--", *argv]


def start(
    argv: list[str],
    *,
    stop: signal.Signals,
    grace: float,
    log: Path,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts ``argv`` under a guard, its output appended to ``log``.

    In a session of its own: Ctrl-C in the terminal reaches the owner alone, which stops things in
    their order.
    """
    with log.open("ab") as out:
        return subprocess.Popen(
            command(argv, stop=stop, grace=grace),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Closes the guard's pipe and waits; kills the guard (its command dies with it) after that."""
    if process.stdin and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="guard")
    parser.add_argument("--signal", default="TERM")
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(argv)
    stop = signal.Signals["SIG" + options.signal]
    return _run(options.command, stop, options.grace)


def _run(argv: list[str], stop: signal.Signals, grace: float) -> int:
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: _prepare(stop),  # noqa: PLW1509  (no thread is running yet)
    )
    closing = threading.Event()

    def close(*_: object) -> None:
        if not closing.is_set():
            closing.set()
            threading.Thread(target=_end, args=(child, stop, grace), daemon=True).start()

    signal.signal(signal.SIGTERM, close)
    signal.signal(signal.SIGHUP, close)
    threading.Thread(target=_watch, args=(close,), daemon=True).start()
    code = child.wait()
    _end_orphans()
    return code if code >= 0 else 128 - code


def _prepare(stop: signal.Signals) -> None:
    """In the child, before it becomes the command: it dies with the guard."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _prctl(_PR_SET_PDEATHSIG, stop)


def _watch(close: Callable[[], None]) -> None:
    while os.read(0, 4096):
        pass
    close()


def _end(child: subprocess.Popen[bytes], stop: signal.Signals, grace: float) -> None:
    child.send_signal(stop)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.02)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)


def _end_orphans() -> None:
    """Reaps what the command left behind; kills what is still there after the grace."""
    deadline = time.monotonic() + _ORPHAN_GRACE
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            continue
        if time.monotonic() > deadline:
            for orphan in _children():
                os.kill(orphan, signal.SIGKILL)
        time.sleep(0.02)


def _children() -> list[int]:
    own = os.getpid()
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == own:
            found.append(int(stat.parent.name))
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
