"""Touches that are due, made rows for the sinks that tell of them.

A touch of an attempt that is over reminds nobody; that a plan is over concerns the lead, whoever
has it. Touches and assignments come by topics of their own: a touch that is read before its
assignment waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from schemas.assignment import AssignmentChanged, Rep
from schemas.touch import Audience, TouchDue
from services.delivery.config import DeliveryFile
from services.delivery.policy import touched_by
from services.delivery.store import current, deliveries, early, people
from services.runtime.database import Connection

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """A touch as it was read."""

    event_id: UUID
    touch: TouchDue
    value: bytes
    at: datetime
    """When it was said."""


async def store(conn: Connection, config: DeliveryFile, told: Sequence[Told]) -> None:
    """Rows for these touches; what is early waits."""
    unknown = await _stored(conn, config, told)
    newest = await early.newest(conn, {one.touch.lead_id for one in unknown}) if unknown else {}
    behind = [
        one
        for one in unknown
        if one.touch.lead_id not in newest or newest[one.touch.lead_id] <= one.at
    ]
    if behind:
        await early.alone(conn)
        still = await _stored(conn, config, behind)
        kept = [(one.event_id, one.touch.assignment_id, one.value) for one in still]
        if kept:
            await early.keep(conn, kept)


async def store_early(
    conn: Connection, config: DeliveryFile, events: Sequence[AssignmentChanged]
) -> None:
    """Rows for what waited for these assignments."""
    waited = await early.take(conn, {event.assignment_id for event in events})
    if waited:
        at = max(event.decided_at for event in events)
        told = [Told(id_, TouchDue.read(value), value, at) for id_, value in waited]
        await _stored(conn, config, told)


async def _stored(conn: Connection, config: DeliveryFile, told: Sequence[Told]) -> list[Told]:
    """Rows for those whose attempt is its lead's present one; gives the others."""
    changes = await current.changes_of(conn, {one.touch.assignment_id for one in told})
    over = {one.touch.lead_id for one in told if one.touch.ended is not None}
    of_leads = await current.changes_of_leads(conn, over) if over else {}
    managers = await _managers(conn, [one.touch for one in told])
    due, unknown = [], []
    for one in told:
        touch = one.touch
        found = changes.get(touch.assignment_id)
        if found is None and touch.ended is not None:
            found = of_leads.get(touch.lead_id)
        if found is None:
            unknown.append(one)
            continue
        if _is_for_manager(touch):
            found = _to_manager(found[0], managers.get(touch.rep_id))
        if found is not None:
            change, value = found
            sinks = tuple(touched_by(config, touch, change))
            due.append(deliveries.DueTouch(one.event_id, touch, one.value, change, value, sinks))
    await deliveries.add_touches(conn, due)
    return unknown


def _is_for_manager(touch: TouchDue) -> bool:
    """News of a company go to the manager of whoever has the lead; after an escalation the manager
    has it."""
    return touch.signal is not None and touch.audience is Audience.MANAGER


async def _managers(conn: Connection, touches: Sequence[TouchDue]) -> dict[str, Rep]:
    reps = {one.rep_id for one in touches if _is_for_manager(one)}
    return await people.managers(conn, reps) if reps else {}


def _to_manager(
    change: AssignmentChanged, manager: Rep | None
) -> tuple[AssignmentChanged, bytes] | None:
    """The attempt as it is told to the manager of its rep; None where nobody is known."""
    if manager is None:
        log.info("signal.no_manager", rep_id=change.rep.id if change.rep else None)
        return None
    told = change.model_copy(update={"rep": manager})
    return told, told.encode()
