"""HubSpot workflows: the action "Send a webhook", with its request signature turned on.

The body is one contact, as the (older) contacts API shows it: ``vid``, ``properties`` with their
histories, ``form-submissions``. HubSpot tries again for three days, but takes any other 4xx than
429 as the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.capture.adapters import hubspot
from services.capture.adapters.base import (
    Acknowledgement,
    Delivered,
    Evidence,
    HookRequest,
    Item,
    SourceView,
    Unchallenged,
    Unparsable,
    Verdict,
    usable_key,
    whole,
)
from services.capture.leadform import LeadForm, assemble
from services.capture.wire import moment_of_ms, parse_object

_FINAL_BUT_429 = Acknowledgement(refused=429, busy=429, retry_after_per_s=1_000)


class HubspotWorkflow(Unchallenged):
    """One contact per request. HubSpot gives the delivery no id, so its body is its key."""

    name = "hubspot_workflow"
    kept_headers = hubspot.KEPT
    acknowledgement = _FINAL_BUT_429
    evidence = Evidence.DOCUMENTED

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        return hubspot.verify(request, secrets, now)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return [whole(request.body)]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        contact = parse_object(item.body)
        values = hubspot.contact_values(contact, source.mapping)
        contact_id = usable_key(contact.get("vid") or contact.get("id"))
        if not values and contact_id is None:
            raise Unparsable("no contact: neither properties nor an id")
        values.setdefault("external_id", contact_id)
        values.setdefault("crm_url", contact.get("profile-url"))
        for target, value in _last_form(contact).items():
            values.setdefault(target, value)
        if source.form_id:
            values["form_id"] = source.form_id
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        return hubspot.sign(request, secret, at)


def _last_form(contact: Mapping[str, Any]) -> dict[str, Any]:
    """Form, page and time of the newest form that the contact filled in."""
    entries = contact.get("form-submissions")
    forms = [
        (at, entry)
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and (at := moment_of_ms(entry.get("timestamp"))) is not None
    ]
    if not forms:
        return {}
    at, entry = max(forms, key=lambda one: one[0])
    return {
        "form_id": entry.get("form-id"),
        "page_url": entry.get("page-url"),
        "submitted_at": at,
    }
