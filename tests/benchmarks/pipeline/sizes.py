"""How many bytes Handraise sends at each hop, read off its topics."""

from __future__ import annotations

from statistics import median

from aiokafka import AIOKafkaConsumer

from schemas import topics
from tests.benchmarks.pipeline.variants import HopSizes

_RELAYED = (topics.CAPTURED, topics.ENRICHED, topics.SCORED, topics.ASSIGNMENTS)


async def measure_sizes(kafka: str) -> HopSizes:
    """Medians over what lies on the topics now."""
    sizes = [await _sizes(kafka, spec.name) for spec in (*_RELAYED, topics.SUBMISSIONS)]
    return HopSizes(
        values=tuple(round(median(values)) for values, _ in sizes),
        headers=round(median(size for _, headers in sizes for size in headers)),
    )


async def _sizes(kafka: str, topic: str) -> tuple[list[int], list[int]]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        values: list[int] = []
        headers: list[int] = []
        while got := await consumer.getmany(timeout_ms=1000, max_records=500):
            for records in got.values():
                values += [len(record.value) for record in records]
                headers += [sum(len(k) + len(v) for k, v in record.headers) for record in records]
        if not values:
            raise RuntimeError(f"nothing on {topic}: the warm-up did not get through")
        return values, headers
    finally:
        await consumer.stop()
