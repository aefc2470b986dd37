"""Doors and stages in processes of their own do together what capture does alone."""

from __future__ import annotations

from schemas import topics
from services.capture import app
from tests.integration.capture.running import Capture, capture, outside
from tests.support.kafka import Broker
from tests.support.waiting import eventually


async def ready(it: Capture) -> bool:
    return not await it.ctx.health.reasons()


async def test_what_doors_accept_waits_for_the_stages_of_another_process(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with outside(mock_kafka.settings) as bus:
        async with capture(postgres_dsn, mock_kafka.settings, build=app.doors) as doors:
            answer = await doors.lead(email="dana@acme.com")
            refused = await doors.hook("typeform_demo", b"{}", secret=b"another")
            assert (answer.status_code, refused.status_code) == (200, 401)
            await eventually(lambda: ready(doors), what="the doors are ready")
            submission_id = answer.json()["submission_id"]
            await bus.until(lambda b: len(b.on(topics.QUARANTINE)) == 1)
            await bus.until(lambda b: len(b.on(topics.SUBMISSIONS)) == 1)
        assert not bus.on(topics.CAPTURED)
        async with capture(postgres_dsn, mock_kafka.settings, build=app.stages) as stages:
            await bus.until(lambda b: bool(b.on(topics.CAPTURED)), seconds=30)
            await eventually(lambda: ready(stages), what="the stages are ready")
            assert (await stages.lead(email="dana@acme.com")).status_code == 404
        [captured] = bus.on(topics.CAPTURED)
        assert captured["submission_id"] == submission_id
