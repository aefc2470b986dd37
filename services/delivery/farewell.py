"""What sinks hear when a person is forgotten. Pure.

A webhook is told; a Slack app replaces what it posted; a sales tool stops its plan. A mail is out,
and what a CRM has is the customer's own record, to be erased there: neither is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from schemas.assignment import AssignmentChanged, AssignmentStatus, LeadBlock
from schemas.base import deterministic_id
from schemas.erasure import LeadErased
from services.delivery.config import DeliveryFile, SlackSink, WebhookSink
from services.delivery.config import Sink as SinkConfig
from services.delivery.planconfig import PlanSink

SAID = "Erased: the person is forgotten."


@dataclass(frozen=True, slots=True)
class Told:
    """The newest that a sink may have heard of an attempt, and where that lies."""

    sink: str
    event: AssignmentChanged
    place: str | None


@dataclass(frozen=True, slots=True)
class Farewell:
    """The last that a sink hears of a lead."""

    delivery_id: UUID
    sink: str
    event: AssignmentChanged
    place: str | None


def farewells(config: DeliveryFile, told: Iterable[Told], erased: LeadErased) -> Iterator[Farewell]:
    """One for each message that can be changed, one for each endpoint."""
    known: set[UUID] = set()
    for one in told:
        sink = config.sinks.get(one.sink)
        if sink is None or not sink.enabled or not _hears(sink, one):
            continue
        place = one.place if isinstance(sink, SlackSink | PlanSink) else None
        moment = erased.erased_at.isoformat()
        id_ = deterministic_id("farewell", one.sink, erased.lead_id, moment, place or "")
        if id_ not in known:
            known.add(id_)
            yield Farewell(id_, one.sink, without_person(one.event, erased), place)


def without_person(event: AssignmentChanged, erased: LeadErased) -> AssignmentChanged:
    """The change that says nothing of anybody but the rep."""
    return event.model_copy(
        update={
            "status": AssignmentStatus.CLOSED,
            "account_key": str(erased.lead_id),
            "reason": SAID,
            "decided_at": erased.erased_at,
            "lead": LeadBlock(),
            "diverted": None,
            "merged_into": None,
        }
    )


def _hears(sink: SinkConfig, told: Told) -> bool:
    match sink:
        case WebhookSink():
            return True
        case SlackSink():
            return sink.token is not None and told.place is not None
        case PlanSink():
            return told.place is not None
        case _:
            return False
