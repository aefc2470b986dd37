"""The operations of ``docs/asyncapi.json`` are what the services' stages declare, both ways."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest

from schemas.base import Lane
from schemas.topics import (
    ACCOUNTS,
    ACTIVITIES,
    ASSIGNMENT_REQUESTS,
    BY_NAME,
    PEOPLE,
    SIGNALS,
    SUBMISSIONS,
    SUBMISSIONS_BULK,
    TOUCHES,
)
from services.capture import app as capture
from services.capture.kafka_gate import KafkaGate
from services.cli.docs.__main__ import ROOT
from services.cli.docs.asyncapi import ANNOUNCED, PARTNER
from services.delivery import app as delivery
from services.enrichment import app as enrichment
from services.response import app as response
from services.routing import app as routing
from services.runtime.configstore import read_folder
from services.runtime.stage import StageSpec
from services.scoring import app as scoring

Build = Callable[[Any], Awaitable[None]]
BUILDS: Mapping[str, Build] = {
    "capture": capture.build,
    "enrichment": enrichment.build,
    "scoring": scoring.build,
    "routing": routing.build,
    "response": response.build,
    "delivery": delivery.build,
}
OUTSIDE_A_STAGE = {
    ("capture", SUBMISSIONS.name),  # the HTTP door
    ("capture", SUBMISSIONS_BULK.name),
    ("capture", ACTIVITIES.name),
    ("capture", SIGNALS.name),
    ("response", ASSIGNMENT_REQUESTS.name),  # what the timer asks for
    ("response", TOUCHES.name),
    ("delivery", ASSIGNMENT_REQUESTS.name),  # what reps press
    ("delivery", ACCOUNTS.name),  # what a CRM says of companies
    ("routing", PEOPLE.name),  # the feed of a new configuration version
}
DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "asyncapi.json").read_text("utf-8"))


class Recorder:
    """A context that keeps the stages which a service declares, and starts nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stages: list[StageSpec[Any]] = []
        self.settings = MagicMock()
        self.settings.clock_scale = 1.0
        self.settings.kafka.embedded = False
        self.secrets = MagicMock()
        self.secrets.get.return_value = [b"0" * 32]
        self.secrets.names.return_value = ["TYPEFORM_DEMO", "WEBSITE"]
        self.metrics, self.log, self.app = MagicMock(), MagicMock(), MagicMock()

    async def pool(self, lane: Lane) -> Any:
        pool = MagicMock()
        for awaited in ("fetch", "fetchval", "fetchrow", "execute"):
            setattr(pool, awaited, AsyncMock(return_value=None))
        pool.acquire.return_value.__aenter__ = AsyncMock(return_value=AsyncMock())
        return pool

    def lane(self, lane: Lane) -> Any:
        def add(spec: StageSpec[Any]) -> None:
            assert spec.lane is lane
            self.stages.append(spec)

        return SimpleNamespace(add=add, publish=AsyncMock(), broker=MagicMock())

    def outbox(self, schema: str, lane: Lane) -> Any:
        return MagicMock()

    async def config(self, parse: Callable[[Mapping[str, str]], Any]) -> Any:
        value = parse(read_folder(ROOT / "deploy" / "config"))
        return SimpleNamespace(current=SimpleNamespace(version="0" * 12, value=value))

    def task(self, name: str, run: object) -> None: ...

    def ready_when(self, name: str, check: object) -> None: ...

    def drain_with(self, stop: object) -> None: ...


@pytest.fixture
async def stages(monkeypatch: pytest.MonkeyPatch) -> list[StageSpec[Any]]:
    monkeypatch.setattr(KafkaGate, "start", AsyncMock())
    found: list[StageSpec[Any]] = []
    for name, build in BUILDS.items():
        recorder = Recorder(name)
        await build(recorder)
        found += recorder.stages
    return found


def operations(action: str) -> set[tuple[str, str]]:
    """(service, topic) of the document, dead letters apart."""
    found = set()
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"].removeprefix("#/channels/")
        if operation["action"] == action and not channel.endswith(".dlq"):
            found.add((operation["tags"][0]["name"], channel))
    return found


def test_each_stage_receives_and_sends_what_the_document_says(stages: list[StageSpec[Any]]) -> None:
    received = {(stage.service, topic.name) for stage in stages for topic in stage.inputs}
    sent = {(stage.service, topic.name) for stage in stages for topic in stage.outputs}
    partners = ("capture", PARTNER.name)  # as many stages as sources.yaml names partners
    assert operations("receive") == received | {partners}
    assert operations("send") == sent | OUTSIDE_A_STAGE
    assert not ANNOUNCED & sent, "it produces now: take it out of ANNOUNCED"


def test_every_stage_can_dead_letter_where_the_document_says(stages: list[StageSpec[Any]]) -> None:
    for stage in stages:
        for topic in stage.inputs:
            name = f"{stage.service}.send.{topic.dead_letters(stage.service)}"
            assert name in DOCUMENT["operations"]


def test_stages_read_and_write_the_events_of_their_topics(stages: list[StageSpec[Any]]) -> None:
    assert len({stage.name for stage in stages}) == len(stages), "a group id of its own each"
    for stage in stages:
        for topic in stage.inputs:
            assert topic.event is stage.model
            assert topic.lane in (None, stage.lane), "a lane keeps to its own topics"
        for topic in (*stage.inputs, *stage.outputs):
            assert BY_NAME[topic.name] is topic
            assert topic.lane in (None, stage.lane)
