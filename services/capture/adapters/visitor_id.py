"""Tools that say who was on the website: RB2B's format, and others by ``feed.paths``.

A company that came by is a signal. A person is a lead only where ``contact_basis`` says why they
may be contacted; without it nothing of them is kept, since nobody asked them. RB2B's names are of
its help page "Formatting your custom integration". Nothing is signed: the secret is in the address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from schemas.signal import SignalName
from services.capture import formbody
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
    whole,
    with_headers,
)
from services.capture.adapters.feeds import Told, first, form, moment, read
from services.capture.adapters.proofs import Shown
from services.capture.eventform import SignalForm
from services.capture.leadform import LeadForm, assemble
from services.kernel.hints import account_of

_PATHS: Final = {
    "email": ("Business Email", "email", "person.email", "contact.email"),
    "first_name": ("First Name", "first_name", "person.first_name"),
    "last_name": ("Last Name", "last_name", "person.last_name"),
    "job_title": ("Title", "job_title", "person.title"),
    "company": ("Company Name", "company", "company.name", "company_name"),
    "domain": ("Website", "domain", "company.domain", "company_domain", "company.website"),
    "page_url": ("Captured URL", "page_url", "url", "session.landing_page"),
    "referrer": ("Referrer", "referrer"),
    "occurred_at": ("Seen At", "seen_at", "timestamp", "visited_at"),
    "id": ("id", "visit_id", "session.id"),
    "fields.linkedin_url": ("LinkedIn URL", "linkedin_url", "person.linkedin_url"),
}
_SHOWN = Shown()


class VisitorId(Unchallenged):
    """One visit per request."""

    name = "visitor_id"
    kept_headers = frozenset({"content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.DOCUMENTED

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        return _SHOWN.verify(request, secrets, now)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return [whole(request.body)]

    def told(self, item: Delivered, key: str, source: SourceView) -> Told:
        """The company's visit; nothing where a person may be contacted: that is a lead."""
        found = _found(item, source)
        if source.contact_basis is not None and found.get("email"):
            return []
        domain = account_of(_host(found.get("domain"))) or account_of(_host(found.get("email")))
        if domain is None:
            raise Ignored("a visit of no company that can be told")
        visit = {
            "signal": SignalName.TRAFFIC,
            "domain": domain,
            "external_id": found.get("id") or key,
            "occurred_at": moment(found.get("occurred_at")),
            "company": found.get("company"),
            "url": found.get("page_url"),
            "detail": "was on the website",
        }
        return [form(SignalForm, visit)]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        found = _found(item, source)
        if source.contact_basis is None or not found.get("email"):
            raise Ignored("a visit of nobody who may be contacted")
        at = moment(found.pop("occurred_at", None))
        domain, _ = found.pop("domain", None), found.pop("id", None)
        basis = {"purpose": "contact", "channel": "email", "basis": source.contact_basis}
        return assemble(
            {
                **found,
                "fields.website": domain,
                "form_id": source.form_id,
                "submitted_at": at.isoformat() if at else None,
                "consent": [basis],
            }
        )

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        typed = with_headers(request, content_type=formbody.content_type_of(request.body))
        return _SHOWN.sign(typed, secret, at)


def _found(item: Delivered, source: SourceView) -> dict[str, Any]:
    values = read(item)
    found: dict[str, Any] = {}
    for target, paths in _PATHS.items():
        own = source.paths.get(target)
        if (value := first(values, (own, *paths) if own else paths)) is not None:
            found[target] = value
    if not any(found.get(name) for name in ("email", "domain")):
        raise Unparsable("neither an e-mail address nor a website says who it was")
    return found


def _host(text: Any) -> str | None:
    """The host of an address on the web, or of one for mail."""
    plain = str(text or "").strip().lower()
    _, _, rest = plain.rpartition("@")[2].rpartition("://")
    return rest.partition("/")[0].partition(":")[0] or None
