"""Scoring on a real database, with the committed example configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.base import ChannelName, Event, KindName, Lane, Motion, Provenance
from schemas.cloudevents import Envelope
from schemas.enrichment import LeadEnriched
from schemas.lead import Lead, LeadCaptured, Repeat
from schemas.score import LeadScored
from schemas.signal import SignalDetected, SignalName
from schemas.topics import CAPTURED_BULK, TOUCHES
from schemas.touch import TouchDue
from services.runtime.configstore import Versioned
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record
from services.scoring.assignments import Assignments
from services.scoring.config import ScoringFile, parse
from services.scoring.givenup import GivenUp
from services.scoring.handlers import Scorer
from services.scoring.qualification import QualificationFile
from services.scoring.recorder import Recorder
from services.scoring.rescorer import Rescorer
from services.scoring.rules import Rules
from services.scoring.signals import Signals

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
_FILE = Path(__file__).parents[3] / "deploy/config/scoring.yaml"
SECRET = b"an installation's secret of 32 bytes!"
MODEL: ScoringFile = parse({"scoring.yaml": _FILE.read_text("utf-8")})
NO_DEFINITION = QualificationFile()

VP = {"email_class": "business", "email_role": False, "seniority": "vp", "department": "sales"}
"""Facts of somebody whom we want to talk to."""


def enriched_lead(
    facts: Mapping[str, Any] | None = None,
    *,
    lead_id: UUID | None = None,
    minutes: int = 0,
    revision: int = 1,
    company: str | None = None,
    account: str = "acme.example",
    email: str | None = None,
    phone: str | None = None,
    visitor: str | None = None,
    **fields: Any,
) -> LeadEnriched:
    """A revision of a lead, received ``minutes`` after nine."""
    moment = AT + timedelta(minutes=minutes)
    lead = Lead(
        lead_id=lead_id or uuid4(),
        account_key=account,
        company=company,
        form_id="demo",
        email=email,
        phone=phone,
        visitor_id=visitor,
    )
    values: dict[str, Any] = {
        "submission_id": uuid4(),
        "causation_id": uuid4(),
        "received_at": moment,
        "submitted_at": moment,
        "lane": Lane.LIVE,
        "motion": Motion.INBOUND,
        "channel": ChannelName.DIRECT,
        "source": "website",
        "kind": KindName.DEMO_REQUEST,
        "repeat": Repeat.FIRST,
        "touch": 1,
        "complete": True,
        "late": False,
        **fields,
    }
    known = {
        name: Provenance(value=value, source="derived:test", at=AT)
        for name, value in (facts or {}).items()
    }
    return LeadEnriched(lead=lead, lead_revision=revision, facts=known, **values)


def done(activity: str, minutes: int = 0, **fields: Any) -> ActivityRecorded:
    """An activity, ``minutes`` after nine."""
    at = AT + timedelta(minutes=minutes)
    known: dict[str, Any] = {"occurred_at": at, "received_at": at, "actor": Actor.HUMAN}
    return ActivityRecorded(activity=ActivityName(activity), **known | fields)


def seen(signal: str, minutes: int = 0, **fields: Any) -> SignalDetected:
    """A signal about acme.example, ``minutes`` after nine."""
    at = AT + timedelta(minutes=minutes)
    known: dict[str, Any] = {
        "domain": "acme.example",
        "provider": "newsdesk",
        "external_id": signal,
        "occurred_at": at,
        "received_at": at,
    }
    return SignalDetected(signal=SignalName(signal), **known | fields)


E = TypeVar("E", bound=Event)


def record(event: E, event_id: UUID | None = None) -> Record[E]:
    """The event as the stage gets it."""
    envelope = Envelope(
        id=event_id or uuid4(), type=event.TYPE, source="/test", subject=event.subject, time=AT
    )
    return Record(
        event=event,
        envelope=envelope,
        topic="any",
        partition=0,
        offset=0,
        key=b"",
        value=event.encode(),
        headers=envelope.to_headers(),
    )


@dataclass
class Desk:
    """Scoring of one lane, and all that happens around leads."""

    pool: asyncpg.Pool
    model: ScoringFile = MODEL
    definition: QualificationFile = NO_DEFINITION
    metrics: Metrics = field(default_factory=Metrics)
    released: list[LeadScored] = field(default_factory=list)
    """What the worker that scores again published."""
    touches: list[TouchDue] = field(default_factory=list)
    """What people are told of signals."""
    captured: list[LeadCaptured] = field(default_factory=list)
    """What the worker that brings leads back published."""

    def __post_init__(self) -> None:
        outbox = Outbox("scoring", self.pool, self._publish, self.metrics)
        parts = (lambda: Versioned("abc123", Rules(self.model, self.definition)), lambda: AT)
        self.scorer = Scorer(outbox, *parts, SECRET)
        given_up = GivenUp(self.metrics)
        self.recorders = {
            lane: Recorder(lane, self.pool, outbox, *parts, SECRET, given_up) for lane in Lane
        }
        self.signals = Signals(self.pool, outbox, *parts, SECRET)
        self.rescorer = Rescorer(self.pool, outbox, *parts)
        self.assignments = Assignments(self.pool)
        self.outbox = outbox

    async def take(self, *events: LeadEnriched) -> list[LeadScored]:
        """What the stage publishes for a batch."""
        outputs = await self.scorer.handle([record(event) for event in events])
        return [LeadScored.read(out.value) for out in outputs]

    async def happen(self, *events: ActivityRecorded, ids: UUID | None = None) -> list[LeadScored]:
        """What both stages publish for activities that arrive together."""
        records = [record(event, ids) for event in events]
        made: list[Output] = []
        for recorder in self.recorders.values():
            made += await recorder.handle(records)
        return [LeadScored.read(out.value) for out in made]

    async def see(self, *events: SignalDetected) -> list[LeadCaptured]:
        """The leads that signals make."""
        outputs = await self.signals.handle([record(event) for event in events])
        self.touches += [TouchDue.read(out.value) for out in outputs if out.topic == TOUCHES.name]
        return [LeadCaptured.read(out.value) for out in outputs if out.topic == CAPTURED_BULK.name]

    async def settle(self) -> list[LeadScored]:
        """Score again what is marked, now; what of it was published."""
        await self.pool.execute(
            "update scoring.leads set rescore_at = now() where rescore_at > now()"
        )
        before = len(self.released)
        while await self.rescorer.step():
            pass
        return self.released[before:]

    async def scores(self, lead: UUID) -> list[dict[str, Any]]:
        """What people see of a lead's scores, the newest last."""
        rows = await self.pool.fetch(
            "select * from scoring.story where lead_id = $1 order by score_revision", lead
        )
        return [dict(row) for row in rows]

    async def _publish(self, outputs: Sequence[Output]) -> None:
        for out in outputs:
            if out.topic == CAPTURED_BULK.name:
                self.captured.append(LeadCaptured.read(out.value))
            else:
                self.released.append(LeadScored.read(out.value))
