"""Segment's Webhooks (Actions) destination.

``X-Signature``: hex of HMAC-SHA1 over the raw body. A body is one event or, where the destination
batches, an array of them. Which events are leads is chosen by ``events`` of the source: names of
``track`` calls, and ``identify``.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha1
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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
    each_once,
    whole,
    with_headers,
)
from services.capture.adapters.signing import judged
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import compact, object_or_none, parse_json, parse_object

HEADER = "x-signature"
IDENTIFY = "identify"
_TRAITS = {
    "firstname": "first_name",
    "lastname": "last_name",
    "name": "full_name",
    "title": "job_title",
    "website": "fields.website",
}
"""Segment's reserved traits, in lower case, that we call otherwise."""
_CAMPAIGN = {"name": "campaign"}
_BOOK_KEEPING = frozenset({"createdat", "avatar", "id"})


class Segment(Unchallenged):
    """A person who did something, as ``track`` and ``identify`` tell it."""

    name = "segment"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.DOCUMENTED

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(HEADER, "")
        expected = [_mac(request.body, secret) for secret in secrets]
        return judged(given, expected)

    def split(self, request: HookRequest) -> Sequence[Item]:
        try:
            sent = parse_json(request.body)
        except Unparsable:
            return [whole(request.body)]
        if isinstance(sent, dict):
            return [whole(request.body, sent.get("messageId"))]
        if not isinstance(sent, list) or not all(isinstance(event, dict) for event in sent):
            return [whole(request.body)]
        items = (whole(compact(event), event.get("messageId")) for event in sent)
        return each_once(items, request.body)

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        event = parse_object(item.body)
        _wanted(event, source)
        values: dict[str, Any] = {}
        for target, value in _values(event, source.mapping):
            if value not in (None, "") and target not in values:
                values[target] = value
        values["form_id"] = source.form_id or event.get("event")
        values["submitted_at"] = event.get("originalTimestamp") or event.get("timestamp")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        return with_headers(
            request,
            content_type="application/json",
            x_signature=_mac(request.body, secret).decode(),
        )


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, body, sha1).hexdigest().encode()


def _wanted(event: Mapping[str, Any], source: SourceView) -> None:
    kind = event.get("type")
    name = event.get("event") if kind == "track" else kind
    if kind not in ("track", IDENTIFY):
        raise Ignored.because("type", kind)
    if not isinstance(name, str) or name not in source.events:
        raise Ignored(f"{str(name)[:50]!r} is not among the events of the source")


def _values(event: Mapping[str, Any], mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """By target, the nearest to the event first; of two with one target the first counts."""
    context = object_or_none(event.get("context"))
    for group in (event.get("properties"), event.get("traits"), context.get("traits")):
        for name, value in object_or_none(group).items():
            yield from _trait(name, value, mapping)
    yield "external_id", event.get("userId")
    for name, value in object_or_none(context.get("campaign")).items():
        parameter = f"utm_{_CAMPAIGN.get(name, name)}"
        yield mapping.get(parameter) or natural_target(parameter) or f"fields.{parameter}", value
    page = object_or_none(context.get("page"))
    yield "page_url", page.get("url")
    yield "referrer", page.get("referrer")
    for name, text in _query(page.get("url")):
        target = mapping.get(name) or natural_target(name)
        if target and target.startswith(("utm.", "click_ids.")):
            yield target, text


def _trait(name: str, value: Any, mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if name in mapping:
        yield mapping[name], value
    elif name == "company" and isinstance(value, dict):
        yield "company", value.get("name")
        yield "fields.company_size", value.get("employee_count")
        yield "fields.industry", value.get("industry")
    elif name == "address" and isinstance(value, dict):
        yield "country", value.get("country")
    elif name.lower() not in _BOOK_KEEPING:
        lowered = name.lower()
        yield _TRAITS.get(lowered) or natural_target(name) or f"fields.{name}", value


def _query(url: Any) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, max_num_fields=50) if isinstance(url, str) else []
    except ValueError:
        return []  # too many parameters, or no address at all
