"""LeadEnriched in, LeadScored out: exactly one for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from schemas.base import event_id
from schemas.enrichment import LeadEnriched
from schemas.topics import scored as scored_topic
from services.runtime.configstore import Versioned
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record, output
from services.scoring import store
from services.scoring.assess import Assessed, assess, touch_of
from services.scoring.config import ScoringFile

SERVICE = "scoring"


class Scorer:
    """The handler of one lane."""

    def __init__(
        self,
        outbox: Outbox,
        config: Callable[[], Versioned[ScoringFile]],
        now: Callable[[], datetime],
    ) -> None:
        self._outbox = outbox
        self._config = config
        self._now = now

    async def handle(self, records: Sequence[Record[LeadEnriched]]) -> Sequence[Output]:
        """One batch, one transaction."""
        return await self._outbox.process(records, self._decide)

    async def _decide(
        self, conn: Connection, records: Sequence[Record[LeadEnriched]]
    ) -> Mapping[UUID, Sequence[Output]]:
        config = self._config()
        leads = {one.event.lead.lead_id: one.event.lead.account_key for one in records}
        rows = await store.lock(conn, leads)
        found = [(one, _one(config, rows[one.event.lead.lead_id], one)) for one in records]
        await store.write(conn, rows.values(), [(one.event, one.at) for _, one in found])
        at = self._now()
        return {record.id: [_output(record, one, at)] for record, one in found}


def _one(
    config: Versioned[ScoringFile], row: store.LeadRow, record: Record[LeadEnriched]
) -> Assessed:
    """Bring the row forward by one event; under its lock."""
    event = record.event
    touch = touch_of(event, record.id)
    if touch is not None and all(known.event != touch.event for known in row.touches):
        row.touches.append(touch)
        row.added.append(touch)
    newest = None
    if event.lead_revision >= row.lead_revision:
        row.lead_revision, row.latest = event.lead_revision, record.value
    elif row.latest is not None:
        newest = LeadEnriched.read(row.latest)
    row.score_revision += 1
    return assess(
        config.value, config.version, event, record.id, newest, row.touches, row.score_revision
    )


def _output(record: Record[LeadEnriched], one: Assessed, at: datetime) -> Output:
    lead = one.event.lead
    return output(
        scored_topic(one.event.lane),
        lead.account_key,
        one.event,
        event_id=event_id(record.id, SERVICE, lead.lead_id, 0),
        service=SERVICE,
        at=at,
        traceparent=record.envelope.traceparent,
    )
