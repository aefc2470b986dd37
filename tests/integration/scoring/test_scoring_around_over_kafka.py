"""Activities and signals as ``app.build`` reads them: each lane its own, the broken aside once."""

from __future__ import annotations

from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from schemas import topics
from schemas.base import KindName, Lane, TierName
from schemas.lead import LeadCaptured
from services.runtime.broker import LaneBroker
from services.runtime.metrics import Metrics
from services.runtime.records import Output, output
from services.scoring import app as scoring
from tests.integration.scoring.desk import AT, VP, done, enriched_lead, seen
from tests.integration.scoring.running import running, scores
from tests.support.kafka import Broker


async def test_replies_and_page_views_are_read_on_their_lanes_and_signals_make_leads(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    replied, looked = [enriched_lead(VP, kind=KindName.NEWSLETTER) for _ in range(2)]
    activities = [done("email_replied", 1, lead_id=replied.lead.lead_id)]
    activities += [
        done("page_view", n, lead_id=looked.lead.lead_id, page_kind="pricing") for n in range(3)
    ]
    broken = Output(topics.ACTIVITIES.name, b"k", b"{", ())
    kafka = mock_kafka.settings
    outside = LaneBroker(kafka, Lane.LIVE, "test", Metrics())
    async with running("scoring", scoring, postgres_dsn, kafka):
        await outside.start()
        await outside.publish([_out(topics.ENRICHED, one) for one in (replied, looked)])
        await scores(kafka, 2)
        await outside.publish([broken, *(_out(topics.ACTIVITIES, one) for one in activities)])
        await outside.publish([_out(topics.SIGNALS, seen("funding", domain="new.example"))])
        told = await scores(kafka, 4)
        again = {one.lead.lead_id: one for one in told if one.late}
        made = await _values(kafka.bootstrap_servers, topics.CAPTURED_BULK.name)
        dead = await _values(kafka.bootstrap_servers, topics.ACTIVITIES.dead_letters("scoring"))
        await outside.stop()
    assert again[replied.lead.lead_id].lane is Lane.LIVE
    assert again[looked.lead.lead_id].lane is Lane.BULK
    assert {one.tier for one in again.values()} == {TierName.WARM}
    assert [LeadCaptured.read(one).lead.account_key for one in made] == ["new.example"]
    assert dead == [b"{"]


def _out(topic: topics.TopicSpec, event: object) -> Output:
    return output(topic, "k", event, event_id=uuid4(), service="test", at=AT)  # type: ignore[arg-type]


async def _values(address: str, topic: str) -> list[bytes | None]:
    """All of a topic, once something is there."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=address, group_id=None, auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )  # fmt: skip
    await consumer.start()
    try:
        found: list[bytes | None] = [(await consumer.getone()).value]
        for records in (await consumer.getmany(timeout_ms=300)).values():
            found += [one.value for one in records]
        return found
    finally:
        await consumer.stop()
