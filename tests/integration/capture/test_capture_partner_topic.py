"""A partner produces to its own topic, on a real broker: who it is, what repeats, what is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from schemas import topics
from schemas.base import ChannelName, Lane, Motion
from schemas.cloudevents import Envelope
from schemas.submission import KeyKind, SubmissionReceived
from services.capture import config
from services.capture.adapters.base import body_digest
from services.runtime import topics_admin
from services.runtime.configstore import ConfigStore, read_folder
from tests.integration.capture.running import Capture, Outside, capture, outside
from tests.support.kafka import Broker

GLOBEX = "\n  globex:\n    adapter: api\n    topic: partner\n    kind: event\n"
ACME = "\n  acme:\n    adapter: api\n    topic: partner\n    kind: referral\n"
TOPIC, NEW = topics.partner("acme"), topics.partner("globex")


def written(key: str, email: str) -> tuple[bytes, list[tuple[str, bytes]]]:
    """A record of a partner that claims to be our own website."""
    body = json.dumps({"email": email}).encode()
    event = SubmissionReceived(
        submission_id=uuid4(),
        causation_id=None,
        received_at=datetime.now(UTC),
        lane=Lane.LIVE,
        motion=Motion.INBOUND,
        channel=ChannelName.UNKNOWN,
        source="website",
        delivery_key=key,
        delivery_key_kind=KeyKind.VENDOR_ID,
        content_type="application/json",
        headers={},
        body=body,
        body_sha256=body_digest(body),
    )
    envelope = Envelope(
        id=uuid4(), type=event.TYPE, source="/acme", subject=event.subject, time=event.received_at
    )
    return event.encode(), list(envelope.to_headers())


def who(bus: Outside) -> set[str]:
    return {lead["lead"]["email"] for lead in bus.on(topics.CAPTURED)}


async def published(it: Capture, folder: Path) -> None:
    """The folder is the configuration in force, and topics are as it says."""
    files = read_folder(folder)
    await topics_admin.apply(it.kafka, more=config.partner_topics(config.parse(files)))
    async with it.ctx.control.acquire() as connection:
        await ConfigStore().publish(connection, files, "test", "another partner")


async def test_a_partners_submissions_are_its_own(
    postgres_dsn: str, real_kafka: Broker, tmp_path: Path
) -> None:
    settings = real_kafka.settings
    folder = copytree("deploy/config", tmp_path / "config")
    file = folder / "sources.yaml"
    file.write_text(file.read_text() + ACME)
    files = {path.name: path.read_text() for path in folder.glob("*.yaml")}
    more = config.partner_topics(config.parse(files))
    await topics_admin.apply(settings, more=more)
    assert await topics_admin.apply(settings, more=more) == []
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    async with capture(postgres_dsn, settings, config=folder) as it, outside(settings) as bus:
        await producer.start()
        try:
            value, headers = written("p-1", "dana@partner.example")
            again, again_headers = written("p-1", "dana@partner.example")
            other, other_headers = written("p-1", "erin@partner.example")
            for record in ((value, headers), (again, again_headers), (other, other_headers)):
                await producer.send_and_wait(TOPIC.name, record[0], b"k", headers=record[1])
            last, last_headers = written("p-2", "last@partner.example")
            await producer.send_and_wait(TOPIC.name, last, b"k", headers=last_headers)
            await bus.until(
                lambda b: {"dana@partner.example", "last@partner.example"} <= who(b), 60
            )
            # A partner more, and one less: what is published counts without a restart.
            file.write_text(file.read_text().replace(ACME, GLOBEX))
            await published(it, folder)
            value, headers = written("g-1", "gus@globex.example")
            await producer.send_and_wait(NEW.name, value, b"k", headers=headers)
            await bus.until(lambda b: "gus@globex.example" in who(b), seconds=60)
            assert (await it.ctx.health.report())[0]
        finally:
            await producer.stop()
        emails = ("dana@partner.example", "last@partner.example")

        def mine() -> list[dict[str, Any]]:
            return [c for c in bus.on(topics.CAPTURED) if c["lead"]["email"] in emails]

        await bus.until(lambda _: len(mine()) == 2, seconds=60)
        assert {lead["source"] for lead in mine()} == {"acme"}
        assert {lead["kind"] for lead in mine()} == {"referral"}
        conflicts = [q for q in bus.on(topics.QUARANTINE) if q["source"] == "acme"]
        assert [one["reason"] for one in conflicts] == ["conflict"]
