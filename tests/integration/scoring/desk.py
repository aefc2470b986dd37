"""Scoring on a real database, with the committed example configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from schemas.base import ChannelName, KindName, Lane, Motion, Provenance
from schemas.cloudevents import Envelope
from schemas.enrichment import LeadEnriched
from schemas.lead import Lead, Repeat
from schemas.score import LeadScored
from schemas.topics import enriched
from services.runtime.configstore import Versioned
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record
from services.scoring.config import ScoringFile, parse
from services.scoring.handlers import Scorer

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
_FILE = Path(__file__).parents[3] / "deploy/config/scoring.yaml"
MODEL: ScoringFile = parse({"scoring.yaml": _FILE.read_text("utf-8")})

VP = {"email_class": "business", "email_role": False, "seniority": "vp", "department": "sales"}
"""Facts of somebody whom we want to talk to."""


def enriched_lead(
    facts: Mapping[str, Any] | None = None,
    *,
    lead_id: UUID | None = None,
    minutes: int = 0,
    revision: int = 1,
    company: str | None = None,
    **fields: Any,
) -> LeadEnriched:
    """A revision of a lead, received ``minutes`` after nine."""
    moment = AT + timedelta(minutes=minutes)
    lead = Lead(
        lead_id=lead_id or uuid4(), account_key="acme.example", company=company, form_id="demo"
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


def record(event: LeadEnriched, event_id: UUID | None = None) -> Record[LeadEnriched]:
    """The event as the stage gets it."""
    envelope = Envelope(
        id=event_id or uuid4(),
        type=event.TYPE,
        source="/handraise/enrichment",
        subject=event.subject,
        time=event.received_at,
    )
    return Record(
        event=event,
        envelope=envelope,
        topic=enriched(event.lane).name,
        partition=0,
        offset=0,
        key=event.lead.account_key.encode(),
        value=event.encode(),
        headers=envelope.to_headers(),
    )


@dataclass
class Desk:
    """Scoring of one lane."""

    pool: asyncpg.Pool

    def __post_init__(self) -> None:
        outbox = Outbox("scoring", self.pool, _nowhere, Metrics())
        self.scorer = Scorer(outbox, lambda: Versioned("abc123", MODEL), lambda: AT)

    async def take(self, *events: LeadEnriched) -> list[LeadScored]:
        """What the stage publishes for a batch."""
        outputs = await self.scorer.handle([record(event) for event in events])
        return [LeadScored.read(out.value) for out in outputs]


async def _nowhere(outputs: Sequence[Output]) -> None:
    raise AssertionError(f"the shell publishes, not the handler: {len(outputs)}")
