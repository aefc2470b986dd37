"""A real Prometheus (the Debian package's binary) on loopback, for tests of rules and dashboards.

``make`` unpacks the package into the cache; nothing is installed. Its version is older than the one
in ``deploy/compose.yaml``, which is what makes a query that passes here safe there.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import PATIENCE

REQUIRED = "HANDRAISE_REQUIRE_PROMTOOL"
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


def find(name: str) -> Path | None:
    """``promtool`` or ``prometheus``: from the environment, the PATH, or the cache."""
    stated = os.environ.get(f"HANDRAISE_{name.upper()}")
    if stated:
        return Path(stated)
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path)
    cache = Path(os.environ.get("HANDRAISE_CACHE") or Path.home() / ".cache" / "handraise")
    cached = cache / "debian" / "usr" / "bin" / name
    return cached if cached.exists() else None


def tool(name: str) -> Path:
    """As :func:`find`; where there is none, skips, or fails where the environment insists."""
    found = find(name)
    if found is not None:
        return found
    why = f"{name} is missing: run make, or apt-get download prometheus and unpack it (dpkg -x)"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{why}; {REQUIRED}=1 insists on it")
    pytest.skip(why)


def promtool(*arguments: str | Path) -> str:
    """Run promtool and return what it printed; its findings fail the test."""
    command = [str(tool("promtool")), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(command)}\n{said}"
    return said


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant vector."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server; :func:`running` starts and stops it."""

    url: str

    def query(self, expression: str) -> list[Sample]:
        """The instant vector now; a scalar is one sample without labels."""
        data = self._get("/api/v1/query", query=expression)["data"]
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(one["metric"], float(one["value"][1])) for one in data["result"]]

    def up(self) -> set[str]:
        """The services whose last scrape succeeded."""
        return {one.labels["service"] for one in self.query("up == 1")}

    def wait_for(self, expression: str, seconds: float = 20.0) -> list[Sample]:
        """The first answer that is not empty.

        :raises AssertionError: when there is none in time.
        """
        deadline = time.monotonic() + PATIENCE * seconds
        while time.monotonic() < deadline:
            found = self.query(expression)
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"no data within {PATIENCE * seconds:g} s for {expression}")

    def _get(self, path: str, **parameters: str) -> Any:
        address = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.read().decode()} for {parameters}") from error


@contextmanager
def running(
    folder: Path, targets: Mapping[str, str], rules: Path | None = None, interval: str = "500ms"
) -> Iterator[Prometheus]:
    """A server that scrapes ``targets`` (service name -> ``host:port``) and evaluates ``rules``.

    Data, configuration and log are in ``folder``; the server ends with the block.
    """
    binary = tool("prometheus")
    configuration = folder / "prometheus.yml"
    configuration.write_text(json.dumps(_configuration(targets, rules, interval)))
    port = _free_port()
    command = [
        str(binary),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL)
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        _wait_until_ready(server, process, log)
        yield server
    finally:
        _stop(process)


def _configuration(targets: Mapping[str, str], rules: Path | None, interval: str) -> dict[str, Any]:
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": [str(rules)] if rules else [],
        "scrape_configs": [
            {
                "job_name": "handraise",
                "static_configs": [
                    {"targets": [address], "labels": {"service": service}}
                    for service, address in targets.items()
                ],
            }
        ],
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"Prometheus ended: {log.read_text(errors='replace')}")
        try:
            with urllib.request.urlopen(f"{server.url}/-/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"Prometheus was not ready: {log.read_text(errors='replace')}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
