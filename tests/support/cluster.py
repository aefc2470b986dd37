"""Three brokers that keep copies of one another, as in production; each can be killed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.ports import choose

_SIZE = 3
_COPIES = {
    "offsets.topic.replication.factor": str(_SIZE),
    "default.replication.factor": str(_SIZE),
    "min.insync.replicas": "2",
    # A broker that vanished is known to be gone after 3 s; its copies wait no longer than that.
    "replica.lag.time.max.ms": "3000",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Started; each of ``brokers`` is also a controller."""

    brokers: tuple[EmbeddedKafka, ...]

    @property
    def addresses(self) -> str:
        return ",".join(one.address for one in self.brokers)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Three brokers, ended with the block."""
    ports = [choose(0, False, "Kafka") for _ in range(2 * _SIZE)]
    brokers, controllers = ports[:_SIZE], ports[_SIZE:]
    voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(controllers, 1))
    with ExitStack() as stack:
        made = []
        for number, (broker, controller) in enumerate(zip(brokers, controllers, strict=True), 1):
            own = {
                **_COPIES,
                "node.id": str(number),
                "controller.quorum.voters": voters,
                "listeners": f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
            }
            server = EmbeddedKafka(folder / str(number), broker, own, cluster=str(folder))
            stack.callback(server.stop)
            made.append(server)
        with ThreadPoolExecutor(_SIZE) as threads:  # none answers before two are there
            list(threads.map(EmbeddedKafka.start, made))
        yield Cluster(tuple(made))
