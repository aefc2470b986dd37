"""ActivityRecorded in: kept with whoever is meant, and their score brought forward.

Both lanes read the same topic, each its own activities: a reply is not behind a flood of page
views. What is live is scored in the same transaction; what is bulk a moment later, all of it that
came meanwhile at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from schemas.activity import ActivityRecorded, activity_lane
from schemas.base import Lane
from services.kernel.hints import activity_id, hints_of
from services.runtime.configstore import Versioned
from services.runtime.database import Connection
from services.runtime.outbox import Outbox, Write
from services.runtime.records import Output, Record
from services.scoring import again
from services.scoring.givenup import GivenUp
from services.scoring.happened import Happened
from services.scoring.names import meant, tokens_of, visitor_of
from services.scoring.pages import PageRule, page_kind
from services.scoring.rules import Rules
from services.scoring.store import around, leads
from services.scoring.store.around import Stored

COALESCE: Final = timedelta(seconds=3)
"""How long a lead that was looked at collects page views before it is scored again."""


class Recorder:
    """The handler of one lane."""

    def __init__(
        self,
        lane: Lane,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: Callable[[], Versioned[Rules]],
        now: Callable[[], datetime],
        secret: bytes,
        given_up: GivenUp,
    ) -> None:
        self._lane = lane
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._now = now
        self._secret = secret
        self._given_up = given_up

    async def handle(self, records: Sequence[Record[ActivityRecorded]]) -> Sequence[Output]:
        """One batch, one transaction. A repeat changes nothing: what it caused is in the outbox."""
        ours = [one for one in records if activity_lane(one.event.activity) is self._lane]
        if not ours:
            return ()
        async with self._pool.acquire() as conn, conn.transaction():
            fresh = await self._keep(conn, ours)
            made: Sequence[Output] = ()
            if self._lane is Lane.LIVE:
                made = await self._score(conn, fresh)
            else:
                await leads.mark(conn, _leads(fresh), _accounts(fresh), COALESCE)
        self._given_up.tell(fresh, self._config().value.qualification)
        return made

    async def _keep(
        self, conn: Connection, records: Sequence[Record[ActivityRecorded]]
    ) -> list[Stored]:
        """Store the activities with whoever is meant; those that are new."""
        hints = [hints_of(one.event, self._secret) for one in records]
        visitors = {visitor for one in hints if (visitor := visitor_of(one)) is not None}
        tokens = {token for one in hints for token in tokens_of(one)}
        people, known = await around.find(conn, tokens, visitors)
        model = self._config().value.scoring
        waits = model.activities
        stored = []
        for record, hint in zip(records, hints, strict=True):
            whom = meant(hint, people, known)
            stranger = whom.waits_for is not None
            wait = waits.unknown_person if stranger else waits.anonymous_visit
            stored.append(Stored(_happened(record, model.pages), record.id, whom, wait))
        new = await around.keep(conn, stored)
        return [one for one in stored if one.happened.event in new]

    async def _score(self, conn: Connection, fresh: Sequence[Stored]) -> list[Output]:
        """Score the leads that are meant at once; those of a whole account a moment later."""
        await leads.mark(conn, (), _accounts(fresh), timedelta())
        rows = await leads.lock_known(conn, _leads(fresh))
        happened = await around.around(conn, {lead: r.account_key for lead, r in rows.items()})
        causes = {one.meant.lead_id: one.event_id for one in fresh}
        config = self._config()
        found = {
            lead: one
            for lead, row in rows.items()
            if (one := again.again(config, row, happened[lead], self._lane, causes.get(lead)))
        }
        outputs = list(again.outputs(found, self._now()))
        return await self._outbox.store(conn, outputs, write=write(rows, found))


def write(rows: Mapping[UUID, leads.LeadRow], found: Mapping[UUID, again.Again]) -> Write:
    """What stores what was scored again."""
    return leads.write(rows.values(), [one.assessed for one in found.values()])


def _leads(stored: Iterable[Stored]) -> set[UUID]:
    return {one.meant.lead_id for one in stored if one.meant.lead_id is not None}


def _accounts(stored: Iterable[Stored]) -> set[str]:
    return {one.meant.account_key for one in stored if one.meant.account_key is not None}


def _happened(record: Record[ActivityRecorded], pages: Sequence[PageRule]) -> Happened:
    event = record.event
    return Happened(
        event=activity_id(event, record.id),
        activity=event.activity,
        actor=event.actor,
        at=min(event.occurred_at, event.received_at),
        received_at=event.received_at,
        source=event.source,
        page_kind=event.page_kind or page_kind(pages, event.page_url),
        page_url=event.page_url,
        detail=event.detail,
        amount=event.amount,
        reason=event.reason,
        answers=event.answers,
    )
