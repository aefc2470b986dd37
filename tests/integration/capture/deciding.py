"""Routing's part, where only capture runs."""

from __future__ import annotations

import json

from aiokafka import AIOKafkaProducer

from schemas.assignment import AssignmentChanged
from schemas.topics import ASSIGNMENTS
from services.runtime.records import output
from tests.integration.capture.running import Capture
from tests.support.examples import good


async def decided(it: Capture, submission_id: str, **more: object) -> None:
    """Routing says something."""
    example = json.loads(good("assignment.changed.v1", "assigned"))
    told = {**example, "submission_id": submission_id, **more}
    event = AssignmentChanged.model_validate(told)
    out = output(ASSIGNMENTS, event.account_key, event, event_id=event.assignment_id,
                 service="routing", at=event.decided_at)  # fmt: skip
    async with AIOKafkaProducer(bootstrap_servers=it.kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(out.topic, out.value, key=out.key, headers=list(out.headers))
