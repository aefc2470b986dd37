"""HubSpot app webhooks: a list of events that name contacts and say nothing about them.

Leads are contacts that were created, and contacts that filled in a form again: HubSpot has no event
for a form, but moves the property ``recent_conversion_date``. Every other event is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from services.capture.adapters import hubspot
from services.capture.adapters.base import (
    Acknowledgement,
    Delivered,
    Evidence,
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unchallenged,
    Unparsable,
    Verdict,
    usable_key,
    whole,
)
from services.capture.adapters.fetching import Access, FetchRequest, bearer
from services.capture.leadform import LeadForm, assemble
from services.capture.wire import compact, moment_of_ms, parse_json, parse_object

_CONTACTS = "0-1"
"""HubSpot's number for the object type."""
_FILLED_IN = "recent_conversion_date"
_COUNTED = "attemptNumber"


class HubspotApp(Unchallenged):
    """Many events per request; each becomes a submission of its own."""

    name = "hubspot_app"
    base_url = "https://api.hubapi.com"
    kept_headers = hubspot.KEPT
    acknowledgement = Acknowledgement(refused=429, busy=429)
    evidence = Evidence.DOCUMENTED

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        return hubspot.verify(request, secrets, now)

    def split(self, request: HookRequest) -> Sequence[Item]:
        try:
            found = parse_json(request.body)
        except Unparsable:
            return [whole(request.body)]
        if not isinstance(found, list):
            return [whole(request.body)]
        return [_item(event) for event in found]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        _contact(item)
        raise Unparsable("the contact has to be fetched first")

    def fetch(self, item: Delivered, access: Access) -> FetchRequest:
        contact, _ = _contact(item)
        wanted = dict.fromkeys((*hubspot.WANTED, *access.properties))
        names = quote(",".join(wanted), safe=",")
        url = f"{access.base_url}/crm/v3/objects/contacts/{quote(contact, safe='')}"
        return FetchRequest(f"{url}?properties={names}", bearer(access))

    def status(self, status: int, body: bytes) -> int:
        return status

    def fetched(self, item: Delivered, answer: bytes, source: SourceView) -> LeadForm:
        contact_id, event = _contact(item)
        contact = parse_object(answer)
        if usable_key(contact.get("id")) != contact_id:
            raise Unparsable("the answer is about another contact")
        values = hubspot.contact_values(contact, source.mapping)
        values.setdefault("external_id", contact_id)
        portal = usable_key(event.get("portalId"))
        if portal is not None:
            url = f"https://app.hubspot.com/contacts/{quote(portal)}/contact/{quote(contact_id)}"
            values.setdefault("crm_url", url)
        values.setdefault("submitted_at", moment_of_ms(event.get("occurredAt")))
        values["form_id"] = source.form_id
        values["fields.hubspot_change_source"] = event.get("changeSource")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        return hubspot.sign(request, secret, at)


def _item(event: Any) -> Item:
    # A retry is the same event with a higher number: it must not look like another body.
    told = {n: v for n, v in event.items() if n != _COUNTED} if isinstance(event, dict) else event
    body = compact(told, sort_keys=True)
    if not isinstance(event, dict):
        return whole(body)
    # HubSpot does not promise that an event's id is unique; with what it is about it is.
    parts = [usable_key(event.get(n)) for n in ("eventId", "subscriptionId", "objectId")]
    known = [part for part in parts if part is not None]
    return whole(body, ":".join(known) if len(known) == len(parts) else None)


def _contact(item: Delivered) -> tuple[str, Mapping[str, Any]]:
    """Id of the contact that an event tells a hand-raise of, and the event."""
    event = parse_object(item.body)
    kind = event.get("subscriptionType")
    if not isinstance(kind, str):
        raise Unparsable("subscriptionType is missing or no text")
    about, _, what = kind.partition(".")
    if about != "contact" and (about, event.get("objectTypeId")) != ("object", _CONTACTS):
        raise Ignored.because("subscriptionType", kind)
    form = what == "propertyChange" and event.get("propertyName") == _FILLED_IN
    if what != "creation" and not form:
        raise Ignored.because("subscriptionType", kind)
    contact = usable_key(event.get("objectId"))
    if contact is None:
        raise Unparsable("objectId is missing")
    return contact, event
