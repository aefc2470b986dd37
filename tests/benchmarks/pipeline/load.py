"""An open-loop HTTP load and an outside observer of the output topic, in one process.

Open loop: send times are fixed beforehand and latency counts from the *scheduled* time, so a slow
system cannot slow the load down and hide its own delay (coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

_HEAD_END = b"\r\n\r\n"
_IDLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where a variant takes leads, and where they come out."""

    url: str
    path: str
    headers: dict[str, str]
    kafka: str
    output_topic: str
    input_topic: str | None = None
    """Set where leads are produced to Kafka directly instead of posted."""
    services: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """URL and process id of what can be profiled."""


@dataclass(slots=True)
class Outcome:
    """What one load run saw; latencies in seconds, in the order of sending."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)
    missing: int = 0
    seconds: float = 0.0
    """From the first send to the last output."""
    times: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Number of the body -> when it was to be sent, and when its output was seen."""


class Connection:
    """One keep-alive HTTP/1.1 connection; deliberately small, so that the load costs little."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        lines = [f"POST {target.path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in target.headers.items()]
        self._head = "\r\n".join(lines).encode()

    async def open(self) -> Connection:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        self._used = time.perf_counter()
        return self

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Send one request; returns status and body."""
        if time.perf_counter() - self._used > _IDLE_SECONDS:
            # Servers close idle connections; a form tool would open a new one, too.
            self.close()
            await self.open()
        self._used = time.perf_counter()
        self._writer.write(self._head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = await self._reader.readuntil(_HEAD_END)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


class ProducerConnection(Connection):
    """Stands where a connection stands, for the floor that has no HTTP: produces and awaits."""

    def __init__(self, target: Target, producer: AIOKafkaProducer) -> None:
        self._topic, self._producer = str(target.input_topic), producer

    async def open(self) -> ProducerConnection:
        return self

    async def post(self, body: bytes) -> tuple[int, bytes]:
        submission_id = str(uuid4())
        value = json.dumps({"submission_id": submission_id, "pad": body.decode()}).encode()
        await self._producer.send_and_wait(self._topic, value, key=submission_id.encode())
        return 200, value

    def close(self) -> None:
        """The producer is shared; its owner stops it."""


class Observer:
    """A plain aiokafka reader of every partition of the output topic; notes when each id came."""

    def __init__(self, target: Target) -> None:
        self._topic = target.output_topic
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=target.kafka, enable_auto_commit=False, fetch_max_wait_ms=100
        )
        self.seen: dict[str, float] = {}

    async def start(self) -> None:
        await self._consumer.start()
        partitions = self._consumer.partitions_for_topic(self._topic)
        while not partitions:
            await self._consumer._client.force_metadata_update()
            partitions = self._consumer.partitions_for_topic(self._topic)
        tps = [TopicPartition(self._topic, p) for p in partitions]
        self._consumer.assign(tps)
        await self._consumer.seek_to_end(*tps)
        for tp in tps:
            await self._consumer.position(tp)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            got = await self._consumer.getmany(timeout_ms=1000)
            now = time.perf_counter()
            for records in got.values():
                for record in records:
                    self.seen.setdefault(json.loads(record.value)["submission_id"], now)

    async def stop(self) -> None:
        self._task.cancel()
        await self._consumer.stop()


async def run_load(
    target: Target,
    bodies: Sequence[bytes],
    rate: float | None,
    connections: int = 64,
    drain_seconds: float = 30,
) -> Outcome:
    """Post every body, at ``rate`` per second on schedule, or (None) as fast as answers come."""
    observer = Observer(target)
    await observer.start()
    free: asyncio.Queue[Connection] = asyncio.Queue()
    producer = await _producer(target)
    pool = [
        await (ProducerConnection(target, producer) if producer else Connection(target)).open()
        for _ in range(connections)
    ]
    for connection in pool:
        free.put_nowait(connection)
    outcome, due, numbers = Outcome(), dict[str, float](), dict[str, int]()
    start = time.perf_counter() + 0.1
    when: Callable[[int], float] = lambda n: start + n / rate if rate else time.perf_counter()  # noqa: E731

    async def one(number: int, body: bytes, scheduled: float, connection: Connection) -> None:
        status, answer = await connection.post(body)
        free.put_nowait(connection)
        if status == 200:
            outcome.answered += 1
            submission_id = json.loads(answer)["submission_id"]
            due[submission_id], numbers[submission_id] = scheduled, number
        else:
            outcome.refused += 1

    async with asyncio.TaskGroup() as group:
        for number, body in enumerate(bodies):
            scheduled = when(number)
            if (wait := scheduled - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one(number, body, scheduled, await free.get()))
    outcome.sent = len(bodies)
    deadline = time.perf_counter() + drain_seconds
    while not due.keys() <= observer.seen.keys() and time.perf_counter() < deadline:
        await asyncio.sleep(0.02)
    await observer.stop()
    for connection in pool:
        connection.close()
    if producer:
        await producer.stop()
    arrived = [(due[i], observer.seen[i]) for i in due if i in observer.seen]
    outcome.latencies = [seen - scheduled for scheduled, seen in sorted(arrived)]
    outcome.missing = len(due) - len(arrived)
    outcome.times = {numbers[i]: (due[i], observer.seen[i]) for i in due if i in observer.seen}
    outcome.seconds = max((seen for _, seen in arrived), default=start) - start
    return outcome


async def _producer(target: Target) -> AIOKafkaProducer | None:
    if target.input_topic is None:
        return None
    producer = AIOKafkaProducer(
        bootstrap_servers=target.kafka, acks="all", enable_idempotence=True, linger_ms=0
    )
    await producer.start()
    return producer


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile; NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]
