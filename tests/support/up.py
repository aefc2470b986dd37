"""``handraise up`` as an outsider sees it: a command, its ready line, its processes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import psutil

from services.cli.main import run

COMMAND = str(Path(sys.executable).with_name("handraise"))
_READY_SECONDS = 240.0
_STOP_SECONDS = 30.0


@dataclass(slots=True)
class Up:
    """A running ``up``; made by :func:`up`."""

    process: subprocess.Popen[str]
    line: dict[str, Any]
    """What it printed when it was ready."""
    errors: Path
    _family: list[psutil.Process] = field(default_factory=list)

    @property
    def http(self) -> str:
        return str(self.line["http"])

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.line['api_key']}"}

    @property
    def said(self) -> str:
        """What it printed on stderr."""
        return self.errors.read_text()

    def post_lead(self, **fields: Any) -> httpx.Response:
        """``POST /v1/leads``."""
        return httpx.post(f"{self.http}/v1/leads", json=fields, headers=self.headers, timeout=30)

    def family(self) -> list[psutil.Process]:
        """Every process that it has started, as of now."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def service(self, name: str) -> psutil.Process:
        """The process of a service."""
        state = json.loads((Path(self.line["data"]) / "running.json").read_text())
        found = psutil.Process(state["services"][name]["pid"])
        if found.is_running():
            return found
        (again,) = [p for p in self.family() if title(p) == f"handraise service {name}"]
        return again

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signals it; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(_STOP_SECONDS)


def title(process: psutil.Process) -> str:
    """How a process is shown by ``ps``."""
    return " ".join(process.cmdline()).strip()


@contextlib.contextmanager
def up(
    data: Path, *options: str, env: Mapping[str, str] | None = None, timeout: float = _READY_SECONDS
) -> Iterator[Up]:
    """Starts it on ``data`` with ``--json`` and a free port; ends it and all that it started.

    :raises AssertionError: with what it said, when it is not ready in time.
    """
    data.mkdir(parents=True, exist_ok=True)
    errors = data / "up.stderr"
    port = () if "--port" in options else ("--port", "0")
    argv = [COMMAND, "up", "--data", str(data), "--json", *port, *options]
    with errors.open("w") as sink:
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=sink, text=True, env={**os.environ, **(env or {})}
        )
    started = Up(process, {}, errors)
    try:
        started.line = _ready_line(process, errors, timeout)
        yield started
    finally:
        _end(started)


def handraise(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    argv = [COMMAND, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False, **options)


def in_process(
    *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """As :func:`handraise`, without the second that a new interpreter takes; not in a running loop.

    ``env`` is on top of what there is.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, env or {}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run(list(arguments))
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def _ready_line(process: subprocess.Popen[str], errors: Path, timeout: float) -> dict[str, Any]:
    out = process.stdout
    assert out is not None
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        readable, _, _ = select.select([out], [], [], 0.5)
        if readable:
            line = out.readline()
            assert line, f"`up` ended with {process.wait()}: {errors.read_text()}"
            return dict(json.loads(line))
    raise AssertionError(f"`up` was not ready within {timeout} s: {errors.read_text()}")


def _end(started: Up) -> None:
    if started.process.poll() is None:
        family = started.family()
        try:
            started.stop()
        except subprocess.TimeoutExpired:
            started.process.kill()
            started.process.wait()
        for left in psutil.wait_procs(family, timeout=15)[1]:
            left.kill()
    if started.process.stdout is not None:
        started.process.stdout.close()
