"""Makes the message of a delivery: the brief, its links, and what the rep may do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from schemas.assignment import AssignmentChanged, AssignmentStatus, Rep
from services.delivery.brief import Brief, brief, links
from services.delivery.config import DeliveryFile, HubSpotSink, SalesforceSink
from services.delivery.config import Sink as SinkConfig
from services.delivery.model import Delivery
from services.delivery.ownership import owners_of
from services.delivery.sinks.base import Actions, Message
from services.delivery.store import crm, current, people, sinks
from services.delivery.tokens import Claim, Tokens
from services.runtime.database import Connection

_ASKS = frozenset(
    {
        AssignmentStatus.ASSIGNED,
        AssignmentStatus.REASSIGNED,
        AssignmentStatus.ESCALATED,
    }
)


def subject(sink: SinkConfig, event: AssignmentChanged) -> UUID:
    """What a kept message is about: the attempt, or in a CRM the lead."""
    per_lead = sink.type in ("hubspot", "salesforce", "outreach", "salesloft")
    return event.lead_id if per_lead else event.assignment_id


async def _with_owner_id(conn: Connection, it: Delivery, sink: SinkConfig) -> Delivery:
    if it.event.rep is None:
        return it
    rep = await known_there(conn, it.event.rep, sink)
    return replace(it, event=it.event.model_copy(update={"rep": rep}))


async def known_there(conn: Connection, rep: Rep, sink: SinkConfig) -> Rep:
    """In a CRM the rep is who ``teams.yaml`` says, else the owner with the rep's address."""
    if not isinstance(sink, HubSpotSink | SalesforceSink) or sink.owner_ids in rep.external_ids:
        return rep
    found = await crm.owner_ids(conn, sink.owner_ids, [rep.email])
    if not found:
        return rep
    ids = {**rep.external_ids, sink.owner_ids: found[rep.email.lower()]}
    return rep.model_copy(update={"external_ids": ids})


async def owner_is_unread(conn: Connection, it: Delivery, sink: SinkConfig) -> bool:
    """Whether it is not known yet who the rep is in a CRM whose owners are being read."""
    rep = it.event.rep
    if not isinstance(sink, HubSpotSink | SalesforceSink) or sink.sync is None or rep is None:
        return False
    return sink.owner_ids not in rep.external_ids and not await crm.owners_read(conn, it.sink)


async def _attempted(
    conn: Connection, lead_id: UUID, sink: SinkConfig, name: str
) -> frozenset[str]:
    """Owners in a CRM that a worker may have written and not lived to tell."""
    if not isinstance(sink, HubSpotSink | SalesforceSink):
        return frozenset()
    events = await crm.attempted(conn, name, lead_id)
    emails = {event.rep.email for event in events if event.rep is not None}
    by_email = await crm.owner_ids(conn, sink.owner_ids, emails) if emails else {}
    return owners_of(events, sink.owner_ids, by_email)


class Composer:
    """Writes messages by the present configuration."""

    def __init__(
        self,
        config: Callable[[], DeliveryFile],
        tokens: Tokens,
        url: Callable[[], str],
        now: Callable[[], datetime],
        scale: float = 1.0,
    ) -> None:
        """:param url: how the world reaches this process; links of mails lead there.

        :param scale: so many times faster the clocks run.
        """
        self._config = config
        self._tokens = tokens
        self._url = url
        self._now = now
        self._scale = scale

    async def __call__(
        self, conn: Connection, it: Delivery, sink: SinkConfig, name: str
    ) -> Message:
        """The message of a delivery for the sink of that name."""
        if it.farewell:
            return Message(it, Brief("Erased", ()), (), None, it.place)
        config = self._config()
        it = await _with_owner_id(conn, it, sink)
        event = it.event
        told = brief(
            event,
            colleagues=await current.colleagues(conn, event),
            now=self._now(),
            touch=it.touch,
            answer=await self._answer(conn, it),
        )
        place = await sinks.place(conn, name, subject(sink, event))
        return Message(
            it,
            told,
            tuple(links(config.links, event)),
            self._actions(event),
            place,
            await _attempted(conn, event.lead_id, sink, name),
        )

    async def _answer(self, conn: Connection, it: Delivery) -> str | None:
        """By when the rep must answer; a reminder says it itself."""
        answering = replace(self._config().answering, scale=self._scale)
        if it.touch is not None or it.event.rep is None or not answering.begins(it.event):
            return None  # most messages: nobody's hours need be read
        heard = await people.hours(conn, it.event.rep.id)
        deadline = answering.deadline(it.event, heard, it.created_at)
        return None if deadline is None else str(deadline)

    def _actions(self, event: AssignmentChanged) -> Actions | None:
        if event.rep is None or event.status not in _ASKS:
            return None
        claim = Claim(event.assignment_id, event.rep.id)
        token = self._tokens.make(claim, self._now())
        return Actions(token, f"{self._url().rstrip('/')}/v1/act/{token}")
