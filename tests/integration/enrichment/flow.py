"""One lane of enrichment on a real database, with what it publishes in a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from schemas.base import ChannelName, KindName, Lane, Motion, deterministic_id
from schemas.cloudevents import Envelope
from schemas.enrichment import LeadEnriched
from schemas.lead import Lead, LeadCaptured, Repeat
from schemas.topics import captured
from services.enrichment.asking import Asking
from services.enrichment.config import EnrichmentConfig, EnrichmentFile, resolve
from services.enrichment.handlers import Enricher
from services.enrichment.jobs import Jobs
from services.enrichment.providers.registry import Providers
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record
from tests.support.tasks import beside

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
NOTHING_WANTED = resolve(EnrichmentFile())


def now() -> datetime:
    return datetime.now(UTC)


def captured_lead(
    lead: Mapping[str, Any] | None = None,
    *,
    lead_id: UUID | None = None,
    minutes: int = 0,
    **fields: Any,
) -> LeadCaptured:
    """A touch, ``minutes`` after nine."""
    moment = AT + timedelta(minutes=minutes)
    person = {"email": "ana@acme.example", **(lead or {})}
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
        **fields,
    }
    return LeadCaptured(
        lead=Lead(lead_id=lead_id or uuid4(), account_key="acme.example", **person), **values
    )


def record(event: LeadCaptured, offset: int = 0) -> Record[LeadCaptured]:
    """The event as the stage gets it; its id is the submission's, so a repeat has the same."""
    envelope = Envelope(
        id=deterministic_id("captured", event.submission_id),
        type=event.TYPE,
        source="/handraise/capture",
        subject=event.subject,
        time=event.received_at,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    return Record(
        event=event,
        envelope=envelope,
        topic=captured(event.lane).name,
        partition=0,
        offset=offset,
        key=event.lead.account_key.encode(),
        value=event.encode(),
        headers=envelope.to_headers(),
    )


@dataclass
class Flow:
    """Enrichment of one lane."""

    pool: asyncpg.Pool
    config: EnrichmentConfig = NOTHING_WANTED
    released: list[Output] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.outbox = Outbox("enrichment", self.pool, self._publish, self.metrics)
        self.asking = Asking(Providers(lambda _: "s3cret", now), self.metrics, now)
        self.jobs = self.worker()
        self.enricher = Enricher(
            Lane.LIVE, self.outbox, lambda: self.config, now, self.jobs.wake, self.metrics
        )

    def worker(self) -> Jobs:
        return Jobs(
            Lane.LIVE,
            self.pool,
            self.outbox,
            lambda: self.config,
            self.asking,
            self.metrics,
            now,
        )

    def using(self, **budget: int) -> None:
        """Change the budget of the live lane, in milliseconds."""
        live = self.config.budgets.live.model_copy(update=budget)
        budgets = self.config.budgets.model_copy(update={"live": live})
        self.config = replace(self.config, budgets=budgets)

    async def take(self, *events: LeadCaptured) -> list[LeadEnriched]:
        """What the stage itself publishes for a batch."""
        outputs = await self.enricher.handle([record(e, n) for n, e in enumerate(events)])
        return [LeadEnriched.read(out.value) for out in outputs]

    def later(self) -> list[LeadEnriched]:
        """What workers published so far."""
        return [LeadEnriched.read(out.value) for out in self.released]

    async def _publish(self, outputs: Sequence[Output]) -> None:
        self.released.extend(outputs)


def working(*flows: Flow) -> AbstractAsyncContextManager[None]:
    """The workers of these run."""
    return beside(*(flow.jobs.run() for flow in flows))
