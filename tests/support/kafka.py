"""A Kafka for every test that needs one.

``kafka`` is the best that can be had: HANDRAISE_TEST_KAFKA (addresses), a container if a Docker
engine answers, Apache Kafka by Maven, else the in-process broker. ``real_kafka`` is never the last
of these. ``mock_kafka`` always is, fresh for each test. ``own_kafka`` makes brokers to be killed.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.runtime.embedded import java
from services.runtime.embedded.broker import EmbeddedBroker
from services.runtime.embedded.errors import EmbeddedError
from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.settings import KafkaSettings
from tests.support import container, used

VARIABLE = "HANDRAISE_TEST_KAFKA"


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that a test may use."""

    address: str
    """``host:port``, several separated by commas."""
    kind: str
    """environment, container, apache or embedded."""

    @property
    def embedded(self) -> bool:
        """In-process: no admin calls, forgets."""
        return self.kind == "embedded"

    @property
    def settings(self) -> KafkaSettings:
        """For code under test; short sessions, so that rebalances do not cost seconds."""
        return KafkaSettings(
            bootstrap_servers=self.address,
            embedded=self.embedded,
            session_timeout_ms=3000,
            heartbeat_ms=500,
        )


@functools.cache
def no_real_kafka() -> str | None:
    """Why no real Kafka can be had here, or None. Fetches the jars the first time."""
    if os.environ.get(VARIABLE) or container.engine():
        return None
    return no_local_kafka()


@functools.cache
def no_local_kafka() -> str | None:
    """Why Apache Kafka cannot be run from its jars here, or None."""
    try:
        java.find_java()
        java.jars()
    except EmbeddedError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Kafka, shared by the whole run: use topics and groups of your own."""
    with ExitStack() as stack:
        if given := os.environ.get(VARIABLE):
            broker = Broker(given, "environment")
        elif container.engine():
            broker = Broker(stack.enter_context(container.kafka()), "container")
        else:
            server = EmbeddedKafka(tmp_path_factory.mktemp("kafka"))
            stack.callback(server.stop)
            broker = Broker(server.start(), "apache")
        used.note("Kafka", f"{broker.kind} at {broker.address}")
        yield broker


@pytest.fixture(scope="session")
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """The best broker that can be had, shared by the whole run."""
    if no_real_kafka() is None:
        yield request.getfixturevalue("real_kafka")
        return
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker") / "broker.log")
    address = broker.start()
    used.note("Kafka", f"in-process broker ({no_real_kafka()})")
    yield Broker(address, "embedded")
    broker.stop()


@pytest.fixture
def mock_kafka(tmp_path: Path) -> Iterator[Broker]:
    """The in-process broker, empty, of this test alone."""
    broker = EmbeddedBroker(tmp_path / "broker.log")
    address = broker.start()
    used.note("Kafka for protocol tests", "in-process broker")
    yield Broker(address, "embedded")
    broker.stop()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Callable[..., EmbeddedKafka]]:
    """Makes Apache Kafkas of this test alone, started, to be stopped or killed at will.

    Arguments: ``settings`` (server properties on top of ours) and ``name``.
    """
    with ExitStack() as stack:

        def make(settings: dict[str, str] | None = None, name: str = "kafka") -> EmbeddedKafka:
            server = EmbeddedKafka(tmp_path / name, settings=settings)
            stack.callback(server.stop)
            server.start()
            return server

        used.note("Kafka for faults", "Apache Kafka by Maven")
        yield make
