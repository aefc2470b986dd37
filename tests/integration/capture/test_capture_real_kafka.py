"""The same promise on Apache Kafka: the broker is killed in the middle of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from schemas import topics
from services.runtime import topics_admin
from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.settings import KafkaSettings
from tests.integration.capture.running import capture, outside
from tests.support.waiting import PATIENCE


async def test_a_killed_broker_loses_nothing_and_decides_nothing_twice(
    postgres_dsn: str, own_kafka: Callable[..., EmbeddedKafka]
) -> None:
    server = await asyncio.to_thread(own_kafka)
    settings = KafkaSettings(
        bootstrap_servers=server.address, session_timeout_ms=6000, heartbeat_ms=500
    )
    await topics_admin.apply(settings)
    async with capture(postgres_dsn, settings, patient=False) as it, outside(settings) as bus:
        answers, slowest = [], 0.0

        async def post(count: int) -> None:
            nonlocal slowest
            loop = asyncio.get_running_loop()
            for _ in range(count):
                began = loop.time()
                answers.append(await it.lead(email=f"p{len(answers)}@acme.com"))
                slowest = max(slowest, loop.time() - began)

        await post(30)
        await asyncio.to_thread(server.kill)
        await post(60)
        await asyncio.to_thread(server.start)
        await post(30)
        assert {answer.status_code for answer in answers} == {200}
        assert slowest < PATIENCE * 1.5
        ids = {answer.json()["submission_id"] for answer in answers}
        await bus.until(
            lambda b: ids <= {c["submission_id"] for c in b.on(topics.CAPTURED)}, seconds=60
        )
        touches = {(c["submission_id"], c["touch"], c["repeat"]) for c in bus.on(topics.CAPTURED)}
        assert Counter(repeat for _, _, repeat in touches) == {"first": len(ids)}
