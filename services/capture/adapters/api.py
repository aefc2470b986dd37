"""``POST /v1/leads``, and any sender that can add ``Authorization: Bearer <secret>`` to a hook.

The body is the lead form itself. On ``/v1/leads`` the API key has already proven the caller, and a
body that is not exactly the form is answered with 422; on a hook it is read as far as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.submission import KeyKind
from services.capture.adapters.base import (
    Acknowledgement,
    Delivered,
    Evidence,
    HookRequest,
    Item,
    SourceView,
    Unchallenged,
    Verdict,
    whole,
    with_headers,
)
from services.capture.adapters.signing import any_secret, ascii_bytes
from services.capture.leadform import LeadForm, as_it_is, assemble, natural_target
from services.capture.wire import parse_object

IDEMPOTENCY_KEY = "idempotency-key"


class Api(Unchallenged):
    """The form in our own words."""

    name = "api"
    kept_headers = frozenset({"content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.OWN

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get("authorization", "")
        if any_secret([ascii_bytes(given)], [b"Bearer " + secret for secret in secrets]):
            return Verdict.VERIFIED
        return Verdict.MISMATCH if given else Verdict.UNSIGNED

    def split(self, request: HookRequest) -> Sequence[Item]:
        key = request.headers.get(IDEMPOTENCY_KEY)
        return [whole(request.body, key, KeyKind.IDEMPOTENCY_KEY)]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        given = parse_object(item.body)
        if not (source.mapping or source.form_id) and (form := as_it_is(given)):
            return form
        values = {}
        for name, value in given.items():
            values[source.mapping.get(name) or natural_target(name) or name] = value
        if source.form_id:
            values.setdefault("form_id", source.form_id)
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        bearer = f"Bearer {secret.decode(errors='replace')}"
        return with_headers(request, content_type="application/json", authorization=bearer)
