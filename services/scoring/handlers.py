"""LeadEnriched in, LeadScored out: exactly one for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from schemas.base import event_id
from schemas.enrichment import LeadEnriched
from schemas.topics import scored as scored_topic
from services.runtime.configstore import Versioned
from services.runtime.database import Connection
from services.runtime.outbox import Decided, Outbox
from services.runtime.records import Output, Record, output
from services.scoring.again import better
from services.scoring.assess import Assessed, assess, touch_of
from services.scoring.happened import Around
from services.scoring.names import Name, Visitor, names_of
from services.scoring.rules import Rules
from services.scoring.store import around, leads
from services.scoring.store.leads import LeadRow

SERVICE = "scoring"


class Scorer:
    """The handler of one lane."""

    def __init__(
        self,
        outbox: Outbox,
        config: Callable[[], Versioned[Rules]],
        now: Callable[[], datetime],
        secret: bytes,
    ) -> None:
        """:param secret: the installation's, under which people are known by their mailbox."""
        self._outbox = outbox
        self._config = config
        self._now = now
        self._secret = secret

    async def handle(self, records: Sequence[Record[LeadEnriched]]) -> Sequence[Output]:
        """One batch, one transaction."""
        return await self._outbox.process(records, self._decide)

    async def _decide(self, conn: Connection, records: Sequence[Record[LeadEnriched]]) -> Decided:
        config = self._config()
        accounts = {one.event.lead.lead_id: one.event.lead.account_key for one in records}
        rows = await leads.lock(conn, accounts, self._names(records), _visitors(records))
        happened = await around.around(conn, {lead: row.account_key for lead, row in rows.items()})
        found = [
            (one, _one(config, rows[lead], one, happened[lead]))
            for one in records
            for lead in [one.event.lead.lead_id]
        ]
        at = self._now()
        return Decided(
            {record.id: [_output(record, one, at)] for record, one in found},
            leads.write(rows.values(), [one for _, one in found]),
        )

    def _names(self, records: Sequence[Record[LeadEnriched]]) -> list[Name]:
        return [name for one in records for name in names_of(one.event.lead, self._secret)]


def _visitors(records: Sequence[Record[LeadEnriched]]) -> list[Visitor]:
    return [
        Visitor(lead.visitor_id, lead.lead_id, one.event.received_at)
        for one in records
        for lead in [one.event.lead]
        if lead.visitor_id
    ]


def _one(
    config: Versioned[Rules],
    row: LeadRow,
    record: Record[LeadEnriched],
    happened: Around,
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
    assessed = assess(
        config.value,
        config.version,
        event,
        record.id,
        newest,
        row.touches,
        row.score_revision,
        happened,
        released=row.released,
    )
    row.waits(assessed)
    tier = assessed.event.tier
    if not event.late or better(tier, row.tier):
        row.tier = tier.value
    return assessed


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
