"""A relay in a process of its own, to be killed: ``python -m … DSN BOOTSTRAP_SERVERS``."""

from __future__ import annotations

import asyncio
import sys

from schemas import topics
from schemas.base import Lane
from services.capture.kafka_gate import GateProducer, KafkaGate
from services.capture.relay import Relay
from services.capture.spool import Spool
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.settings import KafkaSettings


async def main(dsn: str, servers: str) -> None:
    pool = await open_pool(dsn)
    kafka = KafkaSettings(bootstrap_servers=servers)
    gates = {
        lane: KafkaGate(GateProducer(kafka, f"relay-{lane}"), [topics.submissions(lane).name], lane)
        for lane in Lane
    }
    for gate in gates.values():
        await gate.start()
    relay = Relay(pool, Spool(pool, first=False), gates, Metrics())
    await asyncio.gather(relay.run(), *(gate.run() for gate in gates.values()))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
