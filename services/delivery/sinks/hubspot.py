"""HubSpot: the contact and its owner, read and written in batches of at most 100.

Owners are ids of the Owners API. HubSpot knows no conditional write: between our reading and our
writing (one call) a person's change could be overwritten. Leads that nobody works now go onto a
static list. Formats: developers.hubspot.com, CRM objects (batch read, batch upsert), lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.assignment import AssignmentChanged, AssignmentStatus
from services.delivery.config import HubSpotSink
from services.delivery.model import Again, Delivered, Outcome, Owned, Refused, Skipped
from services.delivery.ownership import Verdict, judge
from services.delivery.sinks.base import Message
from services.delivery.sinks.batching import Batcher
from services.delivery.sinks.hubspot_api import HubSpotApi, failed
from services.runtime.outside import Answer

MOST: Final = 100
_CONTACTS: Final = "/crm/v3/objects/contacts"
_OWNER: Final = "hubspot_owner_id"
_PERSONAL: Final = ("firstname", "lastname", "company", "jobtitle", "phone")
"""Written only where nothing stands: anybody can fill in a form with somebody else's address."""

Contacts = Mapping[str, tuple[str, Mapping[str, Any]]]
"""E-mail to id and properties of the contacts that exist."""


class HubSpot:
    """One portal."""

    def __init__(self, config: HubSpotSink, api: HubSpotApi) -> None:
        self._config = config
        self._api = api
        self._batcher = Batcher(MOST, self._together)

    async def send(self, message: Message) -> Outcome:
        """See :class:`~services.delivery.sinks.base.Sink`."""
        event = message.delivery.event
        if not event.lead.email:
            return Skipped("no_email")
        if event.status is AssignmentStatus.NURTURED:
            if self._config.nurture_list is None:
                return Skipped("no_nurture_list")
        elif self._owner_id(event) is None:
            return Refused("no_hubspot_id")
        return await self._batcher.send(message)

    # -- a batch -------------------------------------------------------------------------------
    async def _together(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        answer = await self._read(messages)
        if answer.status not in (200, 207):
            return [failed(answer)] * len(messages)
        there = _contacts(answer.document)
        outcomes: dict[int, Outcome] = {}
        to_write: list[tuple[int, Message, Mapping[str, str]]] = []
        for at, message in enumerate(messages):
            found = self._judged(message, there)
            if found is None:
                to_write.append((at, message, self._properties(message.delivery.event, there)))
            else:
                outcomes[at] = found
        if to_write:
            outcomes.update(await self._write(to_write))
        return [outcomes[at] for at in range(len(messages))]

    async def _read(self, messages: Sequence[Message]) -> Answer:
        emails = dict.fromkeys(str(m.delivery.event.lead.email) for m in messages)
        wanted = {
            "idProperty": "email",
            "properties": ["email", _OWNER, *_PERSONAL],
            "inputs": [{"id": email} for email in emails],
        }
        return await self._api.post(f"{_CONTACTS}/batch/read", wanted)

    def _judged(self, message: Message, there: Contacts) -> Outcome | None:
        """The outcome where nothing is to be written; None where something is."""
        event = message.delivery.event
        wanted = self._owner_id(event)
        email = str(event.lead.email).lower()
        if event.status is AssignmentStatus.NURTURED or wanted is None or email not in there:
            return None
        contact, properties = there[email]
        owner = properties.get(_OWNER) or None
        match judge(owner, wanted, message.place, message.attempted):
            case Verdict.THEIRS:
                return Owned(str(owner), self._config.owner_ids)
            case Verdict.ALREADY:
                return Delivered(ref=contact, place=wanted, reason="already")
            case Verdict.WRITE:
                return None

    async def _write(
        self, messages: Sequence[tuple[int, Message, Mapping[str, str]]]
    ) -> dict[int, Outcome]:
        inputs = [
            {
                "id": message.delivery.event.lead.email,
                "idProperty": "email",
                "objectWriteTraceId": str(at),
                "properties": properties,
            }
            for at, message, properties in messages
        ]
        answer = await self._api.post(f"{_CONTACTS}/batch/upsert", {"inputs": inputs})
        if answer.status == 400 and len(messages) > 1:
            # One that is wrong may cost the whole batch: halved until it stands alone.
            half = len(messages) // 2
            return await self._write(messages[:half]) | await self._write(messages[half:])
        if answer.status not in (200, 201, 207):
            return {at: failed(answer) for at, _, _ in messages}
        ids, errors = _written(answer.document)
        found: dict[int, Outcome] = {}
        to_list: dict[int, str] = {}
        for at, message, _ in messages:
            event = message.delivery.event
            contact = ids.get(str(at)) or ids.get(str(event.lead.email).lower())
            if str(at) in errors:
                found[at] = Refused(errors[str(at)])
            elif contact is None:  # neither done nor refused: a fault that names nobody
                found[at] = Again("no_contact_id")
            elif event.status is not AssignmentStatus.NURTURED:
                found[at] = Delivered(ref=contact, place=self._owner_id(event))
            else:
                to_list[at] = contact
        return found | await self._listed(to_list)

    async def _listed(self, contacts: Mapping[int, str]) -> dict[int, Outcome]:
        """Contacts that nobody works now go onto the list, in one call."""
        if not contacts:
            return {}
        path = f"/crm/v3/lists/{self._config.nurture_list}/memberships/add"
        answer = await self._api.put(path, list(dict.fromkeys(contacts.values())))
        if answer.status not in (200, 204):
            return dict.fromkeys(contacts, failed(answer))
        return {at: Delivered(ref=contact) for at, contact in contacts.items()}

    def _properties(self, event: AssignmentChanged, there: Contacts) -> dict[str, str]:
        lead = event.lead
        _, stand = there.get(str(lead.email).lower(), ("", {}))
        known = {
            "email": lead.email,
            "firstname": lead.first_name,
            "lastname": lead.last_name,
            "company": lead.company,
            "jobtitle": lead.job_title,
            "phone": lead.phone,
        }
        known = {name: known[name] for name in known if name == "email" or not stand.get(name)}
        values = {
            "tier": event.tier.value,
            "reason": event.reason,
            "score": f"{event.score.total / 100:g}",
            "pool": event.pool or "",
            "kind": event.kind.value,
        }
        known |= {name: values[ours] for name, ours in self._config.properties.items()}
        owner = self._owner_id(event)
        if event.status is not AssignmentStatus.NURTURED and owner is not None:
            known[_OWNER] = owner
        return {name: value for name, value in known.items() if value}

    def _owner_id(self, event: AssignmentChanged) -> str | None:
        return event.rep.external_ids.get(self._config.owner_ids) if event.rep else None


def _contacts(said: Mapping[str, Any]) -> Contacts:
    found = {}
    for contact in said.get("results") or ():
        properties = contact.get("properties") or {}
        if email := properties.get("email"):
            found[str(email).lower()] = str(contact.get("id")), properties
    return found


def _written(said: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Contact ids by trace id (and e-mail), and what was refused by trace id."""
    ids: dict[str, str] = {}
    for contact in said.get("results") or ():
        keys = (contact.get("objectWriteTraceId"), (contact.get("properties") or {}).get("email"))
        ids |= {str(key).lower(): str(contact.get("id")) for key in keys if key}
    errors: dict[str, str] = {}
    for error in said.get("errors") or ():
        context = error.get("context") or {}
        reason = str(error.get("category") or "refused").lower()[:60]
        errors |= {str(trace): reason for trace in context.get("objectWriteTraceId") or ()}
    return ids, errors
