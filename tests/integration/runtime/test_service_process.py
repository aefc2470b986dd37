"""A service process from outside: starts in order, waits, refuses with a reason, drains."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.runtime.configstore import version_of
from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.ports import free_port
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.support.kafka import Broker
from tests.support.waiting import PATIENCE, wait_until

SERVICE = """
import asyncio, sys
from schemas.base import Lane
from services.runtime.service import Context, run

async def build(ctx: Context) -> None:
    def parse(files):
        from services.runtime.configfile import parse
        from pydantic import BaseModel
        class File(BaseModel):
            model_config = {"extra": "forbid"}
            answer: int
        return parse(File, files["test.yaml"], "test.yaml").answer

    live = await ctx.config(parse)
    lane = ctx.lane(Lane.LIVE)

    @ctx.app.get("/answer")
    async def answer() -> dict:
        return {"answer": live.current.value, "version": live.current.version}

    slow_ones = []

    @ctx.app.get("/slow")
    async def slow() -> str:
        slow_ones.append(1)
        await asyncio.sleep(0.5)
        return "finished"

    @ctx.app.get("/slow_ones")
    async def how_many_slow() -> int:
        return len(slow_ones)

    @ctx.app.post("/fail")
    async def fail() -> None:
        lane.reason = "routing stopped: 20 dead letters in a row"
        lane.failed.set()

    runs = []
    async def loop() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("canary.person@example.com")
        await asyncio.Event().wait()

    ctx.task("loop", loop)

    @ctx.app.get("/runs")
    async def how_many() -> int:
        return len(runs)

sys.exit(run("cli", build))
"""


class Process:
    """A service in a process of its own, as the supervisor runs it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        script = folder / "service.py"
        script.write_text(SERVICE)
        self.child = subprocess.Popen(
            [sys.executable, str(script)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}
            | dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out: queue.Queue[str] = queue.Queue()
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_err, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def ready(self) -> str:
        """Waits for the ready line; the URL in it."""
        line = json.loads(self.out.get(timeout=25))
        assert line == {"ready": True, "service": "cli", "http": line["http"]}
        url: str = line["http"]
        return url

    def ended(self, timeout: float = 20) -> int:
        code = self.child.wait(timeout)
        for reader in self._readers:
            reader.join(5)
        return code

    def reasons(self) -> list[str]:
        """What it said in plain lines, the log left out."""
        return [line for line in self.err if not line.startswith("{")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.err if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def _read_out(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.out.put(line)

    def _read_err(self) -> None:
        assert self.child.stderr is not None
        for line in self.child.stderr:
            self.err.append(line.rstrip("\n"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "test.yaml").write_text("answer: 42\n")
    return tmp_path


@pytest.fixture
def environment(folder: Path, postgres_dsn: str, mock_kafka: Broker) -> dict[str, str]:
    return {
        "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS": mock_kafka.address,
        "HANDRAISE_KAFKA__EMBEDDED": "true",
        "HANDRAISE_POSTGRES__DSN": postgres_dsn,
        "HANDRAISE_SECRET_INSTALLATION": "0123456789abcdef-test",
        "HANDRAISE_CONFIG": str(folder / "config"),
        "HANDRAISE_SUPERVISED": "true",
    }


@pytest.fixture
def start(folder: Path) -> Iterator[Any]:
    started: list[Process] = []

    def begin(environment: Mapping[str, str]) -> Process:
        started.append(Process(folder, environment))
        return started[-1]

    yield begin
    for process in started:
        process.child.kill()
        process.child.wait()


def test_it_seeds_its_configuration_works_and_drains_on_sigterm(
    start: Any, environment: dict[str, str]
) -> None:
    process = start(environment)
    url = process.ready()
    assert httpx.get(f"{url}/answer").json() == {
        "answer": 42,
        "version": version_of({"test.yaml": "answer: 42\n"}),
    }
    assert httpx.get(f"{url}/ready").json() == {"status": "ready", "service": "cli"}
    assert "handraise_event_loop_lag_seconds" in httpx.get(f"{url}/metrics").text
    wait_until(lambda: httpx.get(f"{url}/runs").json() == 2)

    slow: queue.Queue[httpx.Response] = queue.Queue()
    threading.Thread(target=lambda: slow.put(httpx.get(f"{url}/slow")), daemon=True).start()
    wait_until(lambda: httpx.get(f"{url}/slow_ones").json() == 1)
    process.child.send_signal(signal.SIGTERM)
    assert process.ended() == 0
    assert slow.get(timeout=10).json() == "finished"
    assert process.out.empty()
    assert process.reasons() == []
    (drained,) = process.logged("drained")
    assert drained["seconds"] < PATIENCE * 5
    assert process.logged("task.failed")[0]["error"] == "ValueError"
    assert "canary" not in "".join(process.err)


def test_it_drains_when_the_supervisor_is_gone(start: Any, environment: dict[str, str]) -> None:
    process = start(environment)
    process.ready()
    process.child.stdin.close()
    process.child.send_signal(signal.SIGTERM)  # and told so, too
    assert process.ended() == 0
    assert process.logged("drained")


def test_every_fault_of_the_environment_at_once(start: Any) -> None:
    process = start({"HANDRAISE_HTTP__PORT": "x"})
    assert process.ended() == 2
    assert process.reasons() == [
        "HANDRAISE_HTTP__PORT: must be a valid integer, unable to parse string as an integer",
        "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS: missing",
        "HANDRAISE_POSTGRES__DSN: missing",
        "HANDRAISE_SECRET_INSTALLATION: missing",
    ]


def test_a_wrong_file_is_refused_with_its_line(
    start: Any, environment: dict[str, str], folder: Path
) -> None:
    (folder / "config" / "test.yaml").write_text("# the answer\nanser: 42\n")
    process = start(environment)
    assert process.ended() == 2
    assert process.reasons() == ["test.yaml:2 anser: unknown field; did you mean answer?"]


def test_another_secret_is_refused(start: Any, environment: dict[str, str]) -> None:
    first = start(environment)
    first.ready()
    other = start(environment | {"HANDRAISE_SECRET_INSTALLATION": "another-secret-0123456789"})
    assert other.ended() == 2
    (reason,) = other.reasons()
    assert "is not the secret that this database was filled with" in reason
    first.child.stdin.close()
    assert first.ended() == 0


def test_a_database_that_was_not_migrated_is_refused(
    start: Any, environment: dict[str, str], empty_postgres_dsn: str
) -> None:
    process = start(environment | {"HANDRAISE_POSTGRES__DSN": empty_postgres_dsn})
    assert process.ended() == 2
    (reason,) = process.reasons()
    assert "run `handraise migrate`" in reason


def test_an_absent_database_is_refused_without_its_password(
    start: Any, environment: dict[str, str]
) -> None:
    dsn = environment["HANDRAISE_POSTGRES__DSN"].rpartition("/")[0] + "/absent"
    process = start(environment | {"HANDRAISE_POSTGRES__DSN": dsn})
    assert process.ended() == 2
    (reason,) = process.reasons()
    assert 'database "absent" does not exist' in reason
    assert "***" in reason or ":@" not in dsn


def test_a_port_in_use_is_refused(start: Any, environment: dict[str, str]) -> None:
    first = start(environment)
    port = first.ready().rpartition(":")[2]
    second = start(environment | {"HANDRAISE_HTTP__PORT": port})
    assert second.ended() == 2
    assert second.reasons() == [f"port {port} on 127.0.0.1 is in use by another program"]


def test_a_stage_that_stopped_itself_ends_the_process_with_its_reason(
    start: Any, environment: dict[str, str]
) -> None:
    process = start(environment)
    httpx.post(f"{process.ready()}/fail")
    assert process.ended() == 3
    assert process.reasons() == ["routing stopped: 20 dead letters in a row"]


def test_while_kafka_is_away_it_is_alive_and_not_ready_and_can_be_stopped(
    start: Any, environment: dict[str, str]
) -> None:
    port = free_port()
    process = start(
        environment
        | {
            "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
            "HANDRAISE_HTTP__PORT": str(port),
        }
    )
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: _waiting_for(url) == ["kafka"], 20)
    assert httpx.get(f"{url}/live").status_code == 200
    assert httpx.get(f"{url}/answer").json()["answer"] == 42, "what needs no Kafka works"
    assert process.logged("waiting")[0]["waiting_for"] == "kafka"
    assert process.out.empty()
    process.child.send_signal(signal.SIGINT)
    assert process.ended() == 0
    assert process.logged("drained")[0]["seconds"] < PATIENCE * 5


def test_it_waits_for_postgres_and_stays_alive_when_it_goes(
    start: Any, environment: dict[str, str], own_postgres: EmbeddedPostgres
) -> None:
    dsn = own_postgres.dsn
    own_postgres.stop()
    process = start(environment | {"HANDRAISE_POSTGRES__DSN": dsn})
    wait_until(lambda: process.logged("waiting"), 20)
    own_postgres.start()
    url = process.ready()
    own_postgres.stop()
    wait_until(lambda: httpx.get(f"{url}/ready").json().get("waiting_for") == ["postgres"])
    assert httpx.get(f"{url}/live").status_code == 200
    assert httpx.get(f"{url}/answer").json()["answer"] == 42
    own_postgres.start()
    wait_until(lambda: httpx.get(f"{url}/ready").status_code == 200)
    process.child.send_signal(signal.SIGTERM)
    assert process.ended() == 0


def _waiting_for(url: str) -> list[str]:
    try:
        waiting: list[str] = httpx.get(f"{url}/ready").json().get("waiting_for", [])
    except httpx.TransportError:
        return []
    return waiting


def test_topics_that_are_missing_are_refused_also_when_kafka_comes_late(
    start: Any, environment: dict[str, str], own_kafka: Callable[..., EmbeddedKafka]
) -> None:
    broker = own_kafka()
    real = environment | {
        "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS": broker.address,
        "HANDRAISE_KAFKA__EMBEDDED": "false",
    }
    at_once = start(real)
    assert at_once.ended() == 2
    expected = "topic submissions.v1 is missing; run: handraise topics apply"
    assert expected in at_once.reasons()

    broker.stop()
    late = start(real)
    wait_until(lambda: late.logged("waiting"), 20)
    broker.start()
    assert late.ended() == 2
    assert expected in late.reasons()
