"""A person gave a lead another owner in the CRM: routing is asked to give it to that owner.

What we wrote ourselves is no news, however late the CRM tells of it: a record is first compared
with what we know, then read once more past any index, then compared again with what we know by
then. What cannot be followed (an owner whom nobody knows, a lead that nobody works) is written down
and said, and tried again with each run of a week: a person who is added later gets it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

import asyncpg
import structlog

from services.delivery.crm.model import Changed, Owner
from services.delivery.crm.reader import Reader
from services.delivery.following import Following
from services.delivery.ownership import is_a_persons_choice, owners_of
from services.delivery.store import crm, people
from services.delivery.store.crm import Standing
from services.runtime.database import Connection
from services.runtime.metrics import Metrics
from services.runtime.records import Output

log = structlog.get_logger(__name__)

_AGAIN: Final = 200

Outcome = Literal["asked", "owner_unknown", "owner_inactive", "nobody_works_it"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
"""What may become of a person's change."""


class Source(Protocol):
    """The CRM that is read."""

    @property
    def sink(self) -> str: ...
    @property
    def system(self) -> str: ...
    @property
    def reader(self) -> Reader: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What may be a person's choice, and which owners of each record were ours before it was read
    again."""

    changes: tuple[Changed, ...]
    ours: dict[str, frozenset[str]]


class Changes:
    """Compares, asks, writes down."""

    def __init__(self, pool: asyncpg.Pool, following: Following, metrics: Metrics) -> None:
        self._pool = pool
        self._following = following
        self._metrics = metrics

    async def found(self, of: Source, changes: Sequence[Changed]) -> Found:
        """What of this, and of what could not be followed before, looks like a person's choice.

        :raises Halted: as reading a page does.
        """
        async with self._pool.acquire() as conn:
            before = await crm.unfollowed(conn, of.sink, _AGAIN)
            every = {one.record: one for one in (*(Changed(*one) for one in before), *changes)}
            standings = await crm.standings(conn, of.sink, every)
            ours = await _ours(conn, of.system, standings)
        theirs = [
            one
            for record, one in every.items()
            if record in ours and is_a_persons_choice(one.owner_id, ours[record])
        ]
        return Found(tuple(await of.reader.confirmed(theirs)) if theirs else (), ours)

    async def requests(self, conn: Connection, of: Source, found: Found) -> list[Output]:
        """The requests that follow, to be stored in the caller's transaction."""
        if not found.changes:
            return []
        standings = await crm.standings(conn, of.sink, {one.record for one in found.changes})
        ours = await _ours(conn, of.system, standings)
        asked = {one.owner_id for one in found.changes} | {one.by for one in found.changes}
        known = await crm.owners(conn, of.system, [one for one in asked if one])
        by_record = {one.record: one for one in found.changes}
        outputs = []
        for standing in standings:
            change = by_record[standing.record]
            both = ours[change.record] | found.ours.get(change.record, frozenset())
            if change.owner_id and is_a_persons_choice(change.owner_id, both):
                outputs += await self._one(conn, of, standing, change, known)
        return outputs

    async def _one(
        self,
        conn: Connection,
        of: Source,
        standing: Standing,
        change: Changed,
        known: dict[str, Owner],
    ) -> list[Output]:
        owner_id = str(change.owner_id)
        rep = await people.of_owner(conn, of.system, owner_id)
        outcome = _outcome(standing, rep)
        author = known.get(change.by) if change.by else None
        event = standing.event
        is_news = await crm.note(
            conn,
            of.sink,
            change.record,
            owner_id,
            (event.lead_id, event.assignment_id),
            author.name if author else change.by,
            change.changed_at,
            outcome,
        )
        if not is_news:
            return []
        self._metrics.crm_changes.labels(of.sink, outcome).inc()
        if outcome != "asked" or rep is None:
            log.warning("crm.not_followed", sink=of.sink, reason=outcome, lead_id=event.lead_id)
            return []
        name = known[owner_id].name if owner_id in known else owner_id
        by = f"{author.name} gave" if author else "a person gave"
        actor = await people.of_owner(conn, of.system, author.owner_id) if author else None
        reason = f"{by} it to {name} in {of.sink}"
        asker = actor.rep_id if actor else None
        return [self._following.request(event, of.sink, rep.rep_id, reason, asker)]


def _outcome(standing: Standing, rep: people.Known | None) -> Outcome:
    if rep is None:
        return "owner_unknown"
    if not rep.active:
        return "owner_inactive"
    return "asked" if standing.active else "nobody_works_it"


async def _ours(
    conn: Connection, system: str, standings: Collection[Standing]
) -> dict[str, frozenset[str]]:
    """By record, the owners that we wrote, want, or are writing."""
    events = [event for one in standings for event in (one.event, *one.on_their_way)]
    emails = {event.rep.email for event in events if event.rep}
    by_email = await crm.owner_ids(conn, system, emails) if emails else {}

    found: dict[str, frozenset[str]] = {}
    for one in standings:
        ids = owners_of((one.event, *one.on_their_way), system, by_email)
        ours = ids | {one.written} if one.written else ids
        found[one.record] = found.get(one.record, frozenset()) | ours
    return found
