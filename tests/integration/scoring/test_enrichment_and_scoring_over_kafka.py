"""Both services as ``app.build`` makes them: LeadCaptured in, LeadScored out, over Kafka."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from schemas.base import KindName, Lane, TierName
from schemas.lead import LeadCaptured
from schemas.topics import captured
from services.enrichment import app as enrichment
from services.runtime.broker import LaneBroker
from services.runtime.configfile import ConfigError
from services.runtime.context import Context
from services.runtime.metrics import Metrics
from services.runtime.records import output
from services.runtime.settings import KafkaSettings, PostgresSettings, Settings
from services.scoring import app as scoring
from tests.integration.enrichment.flow import captured_lead, now, record
from tests.integration.enrichment.standin import StandIn, answering
from tests.integration.scoring.running import CONFIG, SECRETS, running, scores
from tests.support.kafka import Broker

_EXAMPLE = "https://api.firmographics.example"


async def _publish(kafka: KafkaSettings, events: list[LeadCaptured]) -> None:
    for lane in Lane:
        broker = LaneBroker(kafka, lane, "test", Metrics())
        await broker.start()
        await broker.publish(
            [
                output(
                    captured(lane),
                    event.lead.account_key,
                    event,
                    event_id=record(event).id,
                    service="capture",
                    at=now(),
                )
                for event in events
                if event.lane is lane
            ]
        )
        await broker.stop()


async def test_every_submission_on_both_lanes_is_scored_once(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    kafka = mock_kafka.settings
    kinds = (KindName.DEMO_REQUEST, KindName.NEWSLETTER, KindName.PROSPECT)
    events = [
        captured_lead(
            {"email": f"p{n}@c{n % 7}.example", "job_title": "VP Sales"},
            kind=kinds[n % 3],
            lane=Lane.BULK if kinds[n % 3] is KindName.PROSPECT else Lane.LIVE,
        )
        for n in range(60)
    ]
    async with AsyncExitStack() as stack:
        for name, app in (("enrichment", enrichment), ("scoring", scoring)):
            await stack.enter_async_context(running(name, app, postgres_dsn, kafka))
        await _publish(kafka, events)
        found = await scores(kafka, len(events), again=False)
    assert sorted(str(one.submission_id) for one in found) == sorted(
        str(event.submission_id) for event in events
    )
    tiers = {one.kind: one.tier for one in found}
    assert tiers[KindName.DEMO_REQUEST] is TierName.HOT
    assert tiers[KindName.NEWSLETTER] is TierName.NURTURE
    assert tiers[KindName.PROSPECT] is TierName.WARM


def _with_provider(folder: Path, url: str) -> Path:
    off = "firmographics:\n    enabled: false"
    for path in CONFIG.glob("*.yaml"):
        text = path.read_text("utf-8").replace(_EXAMPLE, url)
        (folder / path.name).write_text(text.replace(off, off.replace("false", "true")), "utf-8")
    return folder


async def test_the_example_s_provider_works_once_it_is_switched_on(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    company = {
        "headcount": 640,
        "industry": "Software",
        "country_code": "DE",
        "domain": "acme.example",
    }
    kafka = mock_kafka.settings
    async with StandIn(answering({"company": company})) as standin, AsyncExitStack() as stack:
        config = _with_provider(tmp_path, standin.url)
        for name, app in (("enrichment", enrichment), ("scoring", scoring)):
            await stack.enter_async_context(running(name, app, postgres_dsn, kafka, config))
        await _publish(kafka, [captured_lead(kind=KindName.WEBINAR)])
        (found,) = await scores(kafka, 1)
    assert found.facts["company_country"].value == "DE"
    assert "headcount_500" in {line.rule for line in found.ledger}
    assert json.dumps(found.model_dump(mode="json"))


async def test_a_provider_without_its_secret_stops_the_start(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    config = _with_provider(tmp_path, "https://api.firmographics.example")
    path = config / "enrichment.yaml"
    path.write_text(path.read_text("utf-8").replace("FIRMOGRAPHICS", "ABSENT"), "utf-8")
    settings = Settings(
        kafka=mock_kafka.settings, postgres=PostgresSettings(dsn=postgres_dsn), config=config
    )
    ctx = Context("enrichment", settings, SECRETS)
    await ctx.open()
    await ctx.open_lanes()
    try:
        with pytest.raises(ConfigError, match="HANDRAISE_SECRET_ABSENT is not set"):
            await enrichment.build(ctx)
    finally:
        await ctx.stop(1.0)
