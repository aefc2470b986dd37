"""Apache Kafka from its jars: one KRaft broker on 127.0.0.1, data kept in a folder, no Docker.

Settings that differ from Kafka's own are for one small machine: short sessions, so that a killed
broker is back in 5 s instead of 13; four partitions of offsets; no waiting before the first
rebalance.
"""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.runtime.embedded import guard, java, leftovers
from services.runtime.embedded.errors import EmbeddedError
from services.runtime.embedded.ports import choose, is_free

SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.coordinator.append.linger.ms": "0",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "auto.create.topics.enable": "false",
    "num.network.threads": "2",
    "num.io.threads": "4",
}
# What compiles quickly only: the compiler that optimises takes as long again for a broker's first
# minutes as the broker itself, on the cores that everything else here shares.
_MACHINE = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


class EmbeddedKafka:
    """A broker that ends with its owner; ``settings`` are server properties on top of ours.

    ``progress`` is told what takes long. Brokers of one cluster share its name; without one a
    broker is alone.

    A restart keeps the port, so that clients find it again.
    """

    def __init__(
        self,
        data: Path,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        progress: Callable[[str], None] = lambda _: None,
        cluster: str | None = None,
    ) -> None:
        self.data = data.resolve()
        self.log = self.data / "kafka.log"
        self.port = port or 0
        self._fixed = port is not None
        self._controller = 0
        self._settings = {**SETTINGS, **(settings or {})}
        self._progress = progress
        self._cluster = cluster or f"{uuid.uuid4()} {self.data}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> str:
        """Fetches the jars if need be, starts, waits until it answers; returns ``host:port``.

        Blocks: about 3 s, once 10 s more for the jars. Raises EmbeddedError with one line.
        """
        runtime, classpath = java.find_java(), f"{java.jars(self._progress)}/*"
        self.data.mkdir(parents=True, exist_ok=True)
        properties = self.data / "server.properties"
        leftovers.end(lambda process: str(properties) in process.cmdline(), signal.SIGTERM)
        self.port = choose(self.port, self._fixed, "Kafka")
        self._controller = choose(self._controller, False, "Kafka's controller")
        properties.write_text(self._properties())
        config = f"-Dlog4j2.configurationFile={java.DEPLOY / 'log4j2.properties'}"
        run = [str(runtime), *_MACHINE, config, "-cp", classpath]
        self.log.unlink(missing_ok=True)
        if not (self.data / "log" / "meta.properties").exists():
            self._format(run, properties)
        self._process = guard.start(
            [*run, "kafka.Kafka", str(properties)],
            stop=signal.SIGTERM,
            grace=_STOP_SECONDS,
            log=self.log,
            cwd=self.data,
        )
        self._wait()
        return self.address

    def stop(self) -> None:
        """Ends it cleanly."""
        if self._process is not None:
            guard.end(self._process, _STOP_SECONDS + 5)
            self._process = None

    def kill(self) -> None:
        """SIGKILL to the broker itself: what a crash looks like."""
        if self._process is not None:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()
            self.stop()

    def running(self) -> bool:
        """Whether the broker that was started is still there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The Java process; raises EmbeddedError when it does not run."""
        children = psutil.Process(self._process.pid).children() if self._process else []
        if not children:
            raise EmbeddedError("Kafka does not run")
        return children[0].pid

    def _properties(self) -> str:
        listener = f"PLAINTEXT://{self.address}"
        own = {
            "listeners": f"{listener},CONTROLLER://127.0.0.1:{self._controller}",
            "advertised.listeners": listener,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "log.dirs": str(self.data / "log"),
        }
        return "".join(f"{name}={value}\n" for name, value in {**own, **self._settings}.items())

    def _format(self, run: list[str], properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_OID, self._cluster).bytes)
        # A leading "-" would read as an option.
        cluster_id = "h" + cluster.decode().rstrip("=")[1:]
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
        done = subprocess.run([*run, *tool], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise EmbeddedError(
                f"Kafka's folder cannot be set up: {said[-1] if said else 'no word'}"
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.running():
            if _answers(self.address):
                return
            time.sleep(0.05)
        self.stop()
        lines = self.log.read_text(errors="replace").strip().splitlines()
        why = next((line for line in lines if " ERROR " in line or " FATAL " in line), "no answer")
        raise EmbeddedError(f"Kafka did not start: {why} (log: {self.log})")


def _answers(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), 0.5).close()
        client = AdminClient({"bootstrap.servers": address})
        return bool(client.list_topics(timeout=2).brokers)
    except (OSError, KafkaException):
        return False


def main() -> int:
    """Runs a broker alone, its data in ``.handraise/kafka``, until Ctrl-C or SIGTERM."""
    server = EmbeddedKafka(
        Path(".handraise/kafka"), 9092 if is_free(9092) else None, progress=print
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        print(f"Apache Kafka at {server.start()}; data in {server.data}; Ctrl-C ends it")
        stopped.wait()
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
