"""Jotform webhooks: ``multipart/form-data`` with the answers as JSON in ``rawRequest``.

Nothing is signed; the proof is a secret in the address. The format follows third parties' code.
A ``rawRequest`` that cannot be read costs nothing but comfort: ``pretty`` holds the same answers as
one line for people, and is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.capture import formbody
from services.capture.adapters import url_token
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
    whole,
    with_headers,
)
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import parse_object, text_of

_QUESTION = re.compile(r"(q[0-9]{1,9})_(.+)")
_SLUGS = {"name": "full_name", "fullName": "full_name", "phoneNumber": "phone"}
"""What the form builder itself calls its ready-made questions."""
_INTERNAL = frozenset(
    {
        "slug", "buildDate", "submitSource", "jsExecutionTracker", "event_id", "path", "website",
        "simple_spc", "timeToSubmit", "validatedNewRequiredFieldIDs", "uploadServerUrl",
        "eventObserver", "submitDate", "temp_upload",
    }
)  # fmt: skip


class Jotform(Unchallenged):
    """Answers are mapped by the question's number (``q3``), or by its whole key (``q3_name``)."""

    name = "jotform"
    kept_headers = frozenset({"content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.SECONDARY

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        return url_token.verify(request, secrets)

    def split(self, request: HookRequest) -> Sequence[Item]:
        try:
            fields = formbody.form_texts(request.body, request.headers.get("content-type", ""))
        except Unparsable:
            return [whole(request.body)]
        return [whole(request.body, fields.get("submissionID"))]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        sent = formbody.form_texts(item.body, item.headers.get("content-type", ""))
        answers = _answers(sent)
        values: dict[str, Any] = {}
        for key, value in answers.items():
            _place(values, key, value, source.mapping)
        if not answers:
            values["fields.pretty"] = sent.get("pretty")
        if "email" not in values:
            texts = answers.values() if answers else [sent.get("pretty")]
            values["email"] = formbody.only_email(texts)
        if not (values.get("email") or values.get("phone") or answers):
            # Nobody can be told apart here, but somebody can read what was asked.
            values.setdefault("external_id", sent.get("submissionID"))
        values["form_id"] = source.form_id or sent.get("formID")
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        typed = with_headers(request, content_type=formbody.content_type_of(request.body))
        return url_token.sign(typed, secret)


def _answers(sent: Mapping[str, str]) -> dict[str, Any]:
    """The questions of ``rawRequest``; none where it cannot be read."""
    try:
        raw = parse_object(sent.get("rawRequest", "").encode())
    except Unparsable:
        return {}
    return {
        key: value for key, value in raw.items() if key not in _INTERNAL and value not in (None, "")
    }


def _place(values: dict[str, Any], key: str, value: Any, mapping: Mapping[str, str]) -> None:
    question = _QUESTION.fullmatch(key)
    ref, slug = (question.group(1), question.group(2)) if question else (key, key)
    mapped = mapping.get(key) or mapping.get(ref)
    target = mapped or _SLUGS.get(slug) or natural_target(slug) or f"fields.{key}"
    parts = [(f"{name}.{part}", text) for name in (key, ref) for part, text in _parts(value)]
    by_part = [(mapping[path], text) for path, text in parts if path in mapping]
    if by_part:
        values.update(by_part)
    elif target == "full_name" and isinstance(value, dict) and {"first", "last"} & value.keys():
        values.update(first_name=value.get("first"), last_name=value.get("last"))
    # What somebody mapped by hand wins over what a name suggests.
    elif mapped or target not in values:
        values[target] = _text(value)
    else:
        values[f"fields.{key}"] = _text(value)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()


def _text(value: Any) -> Any:
    """A compound answer as one line: a telephone number's ``full``, else its parts in order."""
    match value:
        case {"full": str(full)} if full:
            return full
        case dict():
            return " ".join(text_of(part) for part in value.values() if part not in (None, ""))
        case list():
            return ", ".join(text_of(part) for part in value)
        case _:
            return value
