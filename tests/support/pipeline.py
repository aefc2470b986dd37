"""A running ``up`` to be tormented: its processes, its consumer groups, its database."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from services.cli import configfiles
from services.runtime.datafolder import DataFolder
from services.runtime.embedded.ports import free_port
from tests.support import signals, used
from tests.support.checker import Active
from tests.support.traffic import TYPEFORM, WEBSITE
from tests.support.up import Up, title, up
from tests.support.waiting import wait_until

SERVICES = ("capture", "enrichment", "scoring", "routing", "response", "delivery")
SECRETS = {
    TYPEFORM: "typeform-secret-of-a-test",
    WEBSITE: "whsec_d2Vic2l0ZS1zZWNyZXQtb2YtYS10ZXN0",
}
ENVIRONMENT = {f"HANDRAISE_SECRET_{name.upper()}": secret for name, secret in SECRETS.items()}
_PATIENCE_S = 60.0
"""For what takes a second on an idle machine."""
_MEMBER_SESSION_MS = "3000"


@dataclass(slots=True)
class Pipeline:
    """An ``up`` with what it takes to hurt it and to look at it from outside."""

    up: Up
    injected: set[str] = field(default_factory=set)
    """Submission ids of records that tests put on the bus themselves."""

    @property
    def admin(self) -> AdminClient:
        """A client of librdkafka's, for what is asked of the cluster and not of topics.

        Always a new one: after a broker was killed a client asks the coordinator that it knew, and
        is not answered any more. Keep it until it has answered.
        """
        return AdminClient({"bootstrap.servers": self.kafka, "log_level": 0})

    @property
    def kafka(self) -> str:
        return str(self.up.line["kafka"])

    @property
    def dsn(self) -> str:
        return str(self.up.line["postgres"])

    # -- processes ---------------------------------------------------------------------------
    def service(self, name: str) -> psutil.Process:
        """The present process of a service, waited for where it is just being started again."""

        def found() -> psutil.Process | None:
            for process in self.up.family():
                with contextlib.suppress(psutil.Error):
                    if title(process) == f"handraise service {name}":
                        return process
            return None

        return wait_until(found, _PATIENCE_S, f"a process of {name}") or _never()

    def kill(self, name: str) -> None:
        """``kill -9``; returns when the process is gone."""
        process = self.service(name)
        process.kill()
        process.wait(10)

    def broker(self) -> psutil.Process:
        """The Java process of its Apache Kafka."""
        (java,) = [p for p in self.up.family() if p.name() == "java"]
        return java

    def postmaster(self) -> psutil.Process:
        """The first process of its Postgres."""
        found = []
        for process in self.up.family():
            with contextlib.suppress(psutil.Error):  # its children come and go
                parent = process.parent()
                if process.name() == "postgres" and parent and parent.name() != "postgres":
                    found.append(process)
        (first,) = found
        return first

    def ready(self, timeout: float = _PATIENCE_S, *names: str) -> None:
        """Returns when all services (or those named) say that they are ready."""
        urls = {name: self.up.line["services"][name] for name in names or SERVICES}

        def waiting() -> list[str]:
            return [name for name, url in urls.items() if not _ready(url)]

        wait_until(lambda: not waiting(), timeout, "every service ready")

    # -- consumer groups ---------------------------------------------------------------------
    def members(self, group: str) -> dict[str, set[tuple[str, int]]]:
        """Member -> its partitions; a static member by its instance id, any other by its host id.

        Asked of the group's coordinator; empty while it rebalances.
        """
        admin = self.admin
        described = admin.describe_consumer_groups([group])[group].result(10)
        if described.state.name != "STABLE":
            return {}
        return {
            member.group_instance_id or member.member_id: {
                (place.topic, place.partition) for place in member.assignment.topic_partitions
            }
            for member in described.members
        }

    def rewind(self, group: str, topic: str, partitions: int) -> None:
        """Puts a group without members back to the first record of a topic."""
        admin = self.admin
        wait_until(
            lambda: admin.describe_consumer_groups([group])[group].result(10).state.name == "EMPTY",
            _PATIENCE_S,
            f"{group} without members",
        )
        first = [TopicPartition(topic, number, 0) for number in range(partitions)]
        request = [ConsumerGroupTopicPartitions(group, first)]
        done = admin.alter_consumer_group_offsets(request)[group].result(10)
        assert all(place.error is None for place in done.topic_partitions)

    def positions(self, group: str, topic: str, partitions: int) -> list[int]:
        """The committed offset of each partition; -1001 where there is none."""
        places = [TopicPartition(topic, number) for number in range(partitions)]
        request = [ConsumerGroupTopicPartitions(group, places)]
        admin = self.admin
        found = admin.list_consumer_group_offsets(request)[group].result(10)
        return [place.offset for place in found.topic_partitions]

    # -- database ----------------------------------------------------------------------------
    async def active(self) -> tuple[Active, ...]:
        """Every active attempt, as the database has it."""
        rows = await self.rows(
            "select lead_id::text, role, assignment_id::text, rep_id, status from routing.attempts"
            " where status in ('assigned', 'reassigned', 'accepted', 'escalated')"
        )
        return tuple(Active(*row) for row in rows)

    async def unfinished(self) -> dict[str, int]:
        """Rows that wait for something: outboxes, spool, jobs. Only those that are not zero."""
        queries = {
            f"{name}.outbox": f"select count(*) from {name}.outbox where published_at is null"
            for name in SERVICES
        }
        queries["capture.spool"] = "select count(*) from capture.spool where ended_at is null"
        queries["enrichment.jobs"] = "select count(*) from enrichment.jobs"
        counts = {name: (await self.rows(query))[0][0] for name, query in queries.items()}
        return {name: count for name, count in counts.items() if count}

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """What a query gives, on a connection of its own."""
        connection = await asyncpg.connect(self.dsn, timeout=30)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()


@contextlib.contextmanager
def on_apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """``up --kafka apache`` on the example configuration."""
    data = tmp_path_factory.mktemp("pipeline") / "data"
    used.note("Kafka for the pipeline", "Apache Kafka by Maven, in `up --kafka apache`")
    config = _without_clocks(tmp_path_factory.mktemp("pipeline-config") / "config")
    with running(data, "--kafka", "apache", "--config", str(config)) as started:
        yield started


def _without_clocks(folder: Path) -> Path:
    """The example, in which no lead moves on because nobody called it: the run takes longer than a
    hot lead's five minutes, and tests compare what was decided before and after."""
    shutil.copytree(configfiles.folder(None), folder)
    file = folder / "response.yaml"
    text, count = re.subn(
        r"^  (hot|warm): \{reminder.*\}$", r"  \1: {}", file.read_text(), flags=re.MULTILINE
    )
    assert count == 2
    file.write_text(text)
    return folder


@contextlib.contextmanager
def running(data: Path, *options: str, timeout: float = 240.0) -> Iterator[Pipeline]:
    """``up`` on a data folder, with the secrets of the sources known."""
    with up(data, *options, env=ENVIRONMENT, timeout=timeout) as started:
        yield Pipeline(started)


# -- one more process of a service -----------------------------------------------------------
@dataclass(slots=True)
class Member:
    """A service process of our own, beside those of ``up``."""

    process: subprocess.Popen[bytes]
    url: str

    def samples(self, name: str) -> dict[str, float]:
        """Its metric of that name, by label text."""
        found = {}
        for line in httpx.get(f"{self.url}/metrics", timeout=30).text.splitlines():
            if line.startswith(f"{name}{{"):
                labels, _, value = line.removeprefix(name).rpartition(" ")
                found[labels] = float(value)
        return found

    def freeze(self) -> None:
        signals.freeze(self.process.pid)

    def thaw(self) -> None:
        signals.thaw(self.process.pid)

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.wait(10)

    def leave(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextlib.contextmanager
def member(pipeline: Pipeline, name: str) -> Iterator[Member]:
    """Starts ``handraise service`` with the environment of ``up``'s own; ready when entered.

    Its membership is dynamic and its session short, so that its end is noticed soon. It ends with
    the block, and with this process: its standard input is a pipe.
    """
    port = free_port()
    environment = {
        **_environment(pipeline.up.line),
        "HANDRAISE_HTTP__PORT": str(port),
        "HANDRAISE_KAFKA__SESSION_TIMEOUT_MS": _MEMBER_SESSION_MS,
    }
    log = Path(pipeline.up.line["data"]) / "logs" / f"{name}-{port}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli.main", "service", name],
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            env=environment,
        )
    extra = Member(process, f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: process.poll() is not None or _ready(extra.url), _PATIENCE_S, str(log))
        assert process.poll() is None, log.read_text()
        yield extra
    finally:
        if process.poll() is None:
            process.kill()  # also ends one that is frozen
            process.wait(10)
        assert process.stdin is not None
        process.stdin.close()


def _environment(line: Mapping[str, Any]) -> dict[str, str]:
    """What ``up`` gives its own processes, as far as all have it in common."""
    folder = DataFolder(Path(line["data"]))
    running = folder.running()
    assert running is not None
    return {
        **os.environ,
        **{f"HANDRAISE_SECRET_{name}": value for name, value in folder.known_secrets().items()},
        **ENVIRONMENT,
        "HANDRAISE_POSTGRES__DSN": running.postgres,
        "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS": running.kafka,
        "HANDRAISE_HTTP__HOST": "127.0.0.1",
        "HANDRAISE_CONFIG": running.config,
        "HANDRAISE_DATA": line["data"],
        "HANDRAISE_SUPERVISED": "true",
    }


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False


def _never() -> Any:
    raise AssertionError("wait_until returns what is true")
