"""The contestants: each starts its processes on the shared broker and database, and stops them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import topics
from services.runtime.embedded.ports import free_port
from tests.benchmarks.pipeline.floor import HOPS, topic
from tests.benchmarks.pipeline.load import Target

PARTITIONS = topics.PARTITIONS
_STOP_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Parts:
    """The shared real parts."""

    kafka: str
    postgres: str
    scratch: Path


@dataclass(frozen=True, slots=True)
class HopSizes:
    """Bytes per record as seen on Handraise's topics, so that floor B sends as many."""

    values: tuple[int, ...]
    """Per floor topic 1 to 4 (the relays' outputs), then topic 0 (what HTTP produces)."""
    headers: int


@contextmanager
def floor_a(parts: Parts, run: str) -> Iterator[Target]:
    """Four bare relays in one process, fed by a bare producer."""
    prefix = f"floor-a-{run}"
    _create(parts.kafka, prefix)
    with ExitStack() as stack:
        _relay(stack, parts, prefix, ["--hops", "0,1,2,3"])
        yield Target("", "", {}, parts.kafka, topic(prefix, HOPS), topic(prefix, 0))


@contextmanager
def floor_b(parts: Parts, run: str, sizes: HopSizes) -> Iterator[Target]:
    """An HTTP handler in front, a process per hop, one durable insert per hop, the same bytes."""
    prefix, port = f"floor-b-{run}", free_port()
    _create(parts.kafka, prefix)
    shape = ["--sizes", ",".join(map(str, sizes.values)), "--header-bytes", str(sizes.headers)]
    shape += ["--dsn", parts.postgres]
    with ExitStack() as stack:
        _relay(stack, parts, prefix, [*shape, "--hops", "0", "--http", str(port)])
        for hop in range(1, HOPS):
            _relay(stack, parts, prefix, [*shape, "--hops", str(hop)])
        url = f"http://127.0.0.1:{port}"
        _wait_http(url)
        yield Target(
            url, "/leads", {"Content-Type": "application/json"}, parts.kafka, topic(prefix, HOPS)
        )


@contextmanager
def handraise(
    parts: Parts, run: str, options: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[Target]:
    """The installed command on the same broker and database.

    :param options: more of ``up``.
    :param env: more of the environment.
    """
    data = parts.scratch / "handraise"
    command = [
        sys.executable, "-m", "services.cli.main", "up", "--json", "--port", "0",
        "--kafka", parts.kafka, "--postgres", parts.postgres,
        "--data", str(data), *options,
    ]  # fmt: skip
    with ExitStack() as stack:
        process = _start(stack, command, stdout=subprocess.PIPE, env=env)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("handraise up did not become ready; see its own error above")
        ready = json.loads(line)
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {ready['api_key']}",
        }
        running = json.loads((data / "running.json").read_text())
        services = {name: (one["url"], one["pid"]) for name, one in running["services"].items()}
        yield Target(
            ready["http"], "/v1/leads", headers, parts.kafka, topics.ASSIGNMENTS.name,
            services=services,
        )  # fmt: skip


def _relay(stack: ExitStack, parts: Parts, prefix: str, options: Sequence[str]) -> None:
    module = "tests.benchmarks.pipeline.floor"
    _start(
        stack, [sys.executable, "-m", module, "--kafka", parts.kafka, "--prefix", prefix, *options]
    )


def _start(
    stack: ExitStack,
    command: Sequence[str],
    stdout: int | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=stdout, env={**os.environ, **(env or {})})
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _create(kafka: str, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    wanted = [NewTopic(topic(prefix, hop), PARTITIONS, 1) for hop in range(HOPS + 1)]
    for future in admin.create_topics(wanted).values():
        future.result(30)


def _wait_http(url: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not come up")
