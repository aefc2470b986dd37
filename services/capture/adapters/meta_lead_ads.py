"""Meta Lead Ads (Facebook, Instagram): events name a lead, the Graph API tells it.

Signature: ``X-Hub-Signature-256: sha256=`` + hex of HMAC-SHA256 over the raw body, keyed with the
app's secret. The address is checked with a token of our own choice, which therefore is a secret of
its own (``verify_token``). The Graph API says most things with status 400 and a number.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from services.capture.adapters.base import (
    Acknowledgement,
    Delivered,
    Evidence,
    Handshake,
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unparsable,
    Verdict,
    usable_key,
    whole,
    with_headers,
)
from services.capture.adapters.fetching import Access, FetchRequest, bearer
from services.capture.adapters.signing import any_secret, judged
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import compact, object_or_none, parse_json, parse_object, text_of

HEADER = "x-hub-signature-256"
_FIELDS = "created_time,ad_id,adset_id,campaign_id,form_id,is_organic,platform,field_data"
_TARGETS = {
    "work_email": "email",
    "phone_number": "phone",
    "work_phone_number": "phone",
    "company_name": "company",
}
_KEPT = ("ad_id", "adset_id", "campaign_id", "platform", "is_organic")
_TEST = "<test lead: dummy data for"
_MAX_CHALLENGE: Final = 200
_TOKEN, _FORBIDDEN, _LIMITS, _OUTAGES = {102, 190}, {3, 10}, {4, 17, 32, 613}, {1, 2}


class MetaLeadAds:
    """Many changes of many pages per request; each lead becomes a submission of its own."""

    name = "meta_lead_ads"
    base_url = "https://graph.facebook.com/v23.0"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.SECONDARY

    def handshake(self, request: HookRequest, secrets: Sequence[bytes]) -> Handshake | None:
        given = request.query.get("hub.verify_token", "").encode(errors="surrogatepass")
        known = any_secret([given], secrets)
        challenge = request.query.get("hub.challenge", "")
        plain = challenge.isascii() and challenge.isalnum() and len(challenge) <= _MAX_CHALLENGE
        if request.query.get("hub.mode") != "subscribe" or not known or not plain:
            return None
        return Handshake(challenge.encode())

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(HEADER, "")
        expected = [_signature(request.body, secret) for secret in secrets]
        return judged(given, expected)

    def split(self, request: HookRequest) -> Sequence[Item]:
        try:
            found = parse_json(request.body)
        except Unparsable:
            return [whole(request.body)]
        entries = found.get("entry") if isinstance(found, dict) else None
        if not isinstance(entries, list) or not all(map(_is_entry, entries)):
            return [whole(request.body)]
        return [
            _item(found.get("object"), entry.get("id"), change)
            for entry in entries
            for change in entry["changes"]
        ]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        _lead_id(item)
        raise Unparsable("the lead has to be fetched first")

    def fetch(self, item: Delivered, access: Access) -> FetchRequest:
        url = f"{access.base_url}/{quote(_lead_id(item), safe='')}?fields={_FIELDS}"
        return FetchRequest(url, bearer(access))

    def status(self, status: int, body: bytes) -> int:
        if not 400 <= status < 500:
            return status
        try:
            error = parse_object(body).get("error")
        except Unparsable:
            return status
        return _meaning(error, status) if isinstance(error, dict) else status

    def fetched(self, item: Delivered, answer: bytes, source: SourceView) -> LeadForm:
        lead = parse_object(answer)
        if usable_key(lead.get("id")) != _lead_id(item):
            raise Unparsable("the answer is about another lead")
        values: dict[str, Any] = {}
        for name, value in _answers(lead):
            known = source.mapping.get(name) or _TARGETS.get(name) or natural_target(name)
            target = known or f"fields.{name}"
            values[f"fields.{name}" if target in values else target] = value
        values["test"] = any(str(value).startswith(_TEST) for value in values.values())
        for name in _KEPT:
            if lead.get(name) is not None:
                values[f"fields.{name}"] = text_of(lead[name])
        form = lead.get("form_id")
        values["form_id"] = source.form_id or (None if form is None else text_of(form))
        values["submitted_at"] = lead.get("created_time")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        return with_headers(
            request,
            content_type="application/json",
            x_hub_signature_256=_signature(request.body, secret).decode(),
        )


def _signature(body: bytes, secret: bytes) -> bytes:
    return b"sha256=" + hmac.digest(secret, body, sha256).hex().encode()


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("changes"), list)


def _item(about: Any, page: Any, change: Any) -> Item:
    # Without the time of the batch: a retry may come in another one.
    told = {"object": about, "page": page, "change": change}
    lead = object_or_none(object_or_none(change).get("value")).get("leadgen_id")
    return whole(compact(told, sort_keys=True), lead)


def _lead_id(item: Delivered) -> str:
    found = parse_object(item.body)
    change = found.get("change")
    if not isinstance(change, dict):
        raise Unparsable("no change of a page")
    if change.get("field") != "leadgen":
        raise Ignored.because("field", change.get("field"))
    lead = usable_key(object_or_none(change.get("value")).get("leadgen_id"))
    if lead is None:
        raise Unparsable("leadgen_id is missing")
    return lead


def _meaning(error: Mapping[str, Any], status: int) -> int:
    code, sub = error.get("code"), error.get("error_subcode")
    if not isinstance(code, int):
        return status
    if code in _LIMITS or 80_000 <= code < 80_100:
        return 429
    if code in _OUTAGES or error.get("is_transient") is True:
        return 503
    if code in _TOKEN:
        return 401
    if code in _FORBIDDEN or 200 <= code < 300:
        return 403
    return 404 if (code, sub) == (100, 33) else status


def _answers(lead: Mapping[str, Any]) -> list[tuple[str, Any]]:
    data = lead.get("field_data")
    if not isinstance(data, list):
        raise Unparsable("field_data is missing or no list")
    found = []
    for field in data:
        if not isinstance(field, dict) or not isinstance(field.get("name"), str):
            raise Unparsable("a field has no name")
        values = field.get("values")
        if not isinstance(values, list):
            raise Unparsable("a field's values are no list")
        found.append((field["name"], ", ".join(map(text_of, values))))
    # The address at work is the one that counts.
    return sorted(found, key=lambda one: not one[0].startswith("work_"))
