"""Apache Kafka in a container, where a Docker engine answers."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import wait_for_logs

from services.runtime.embedded.kafka import SETTINGS
from services.runtime.embedded.ports import free_port

_IMAGE = "apache/kafka:4.3.1"


@functools.cache
def engine() -> bool:
    """Whether a Docker engine answers."""
    try:
        client = docker.from_env(timeout=5)
        client.ping()
        client.close()
    except DockerException:
        return False
    return True


@contextmanager
def kafka() -> Iterator[str]:
    """Runs a broker with the same settings as the one from jars; yields its address."""
    port = free_port()
    listeners = {
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": "1@127.0.0.1:9093",
    }
    box = DockerContainer(_IMAGE).with_bind_ports(port, port)
    for name, value in {**SETTINGS, **listeners}.items():
        box = box.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
    with box:
        wait_for_logs(box, "Kafka Server started", timeout=120)
        yield f"127.0.0.1:{port}"
