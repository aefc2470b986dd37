"""Google Ads lead form assets.

Google signs nothing: the key that the advertiser typed into the form comes back in the body as
``google_key``. It is compared in constant time and taken out of what is kept. Field names are of
developers.google.com/google-ads/webhook/docs/implementation; the ids of the columns are documented
only in part, so one that is not known here is kept under its own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

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
from services.capture.adapters.signing import any_secret
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import compact, parse_object, text_of

KEY = "google_key"
_COLUMNS = {
    "FULL_NAME": "full_name",
    "WORK_EMAIL": "email",
    "EMAIL": "email",
    "USER_EMAIL": "email",
    "WORK_PHONE": "phone",
    "PHONE_NUMBER": "phone",
    "USER_PHONE": "phone",
    "COMPANY_NAME": "company",
    "JOB_TITLE": "job_title",
}
"""Where a form asks for both, the address at work is the one that counts: it stands first here."""
_RANK = {column: rank for rank, column in enumerate(_COLUMNS)}
_IDS = ("lead_id", "campaign_id", "adgroup_id", "creative_id", "asset_group_id", "lead_stage")


class GoogleAds(Unchallenged):
    """One lead per request; answers are mapped by ``column_id``."""

    name = "google_ads"
    kept_headers = frozenset({"content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.DOCUMENTED

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = _key(request.body)
        proven = any_secret([(given or "").encode(errors="surrogatepass")], secrets)
        if not given:
            return Verdict.UNSIGNED
        return Verdict.VERIFIED if proven else Verdict.MISMATCH

    def split(self, request: HookRequest) -> Sequence[Item]:
        try:
            lead = parse_object(request.body)
        except Unparsable:
            return [whole(request.body)]
        body = request.body
        if KEY in lead:
            del lead[KEY]
            body = compact(lead)
        # The forms' test button sends the same id every time, with other answers.
        return [whole(body, None if lead.get("is_test") is True else lead.get("lead_id"))]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        lead = parse_object(item.body)
        values: dict[str, Any] = {}
        for column, value in sorted(_answers(lead), key=lambda one: _RANK.get(one[0], 0)):
            target = _target(column, source.mapping)
            values[f"fields.{column}" if target in values else target] = value
        for name in _IDS:
            if lead.get(name) is not None:
                # 64-bit numbers, which half of the world's JSON parsers round.
                values[f"fields.{name}"] = text_of(lead[name])
        form_id = lead.get("form_id")
        values["form_id"] = source.form_id or (None if form_id is None else text_of(form_id))
        values["click_ids.gclid"] = lead.get("gcl_id")
        values["submitted_at"] = lead.get("lead_submit_time")
        values["test"] = lead.get("is_test") is True
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        typed = with_headers(request, content_type="application/json")
        try:
            lead = parse_object(request.body)
        except Unparsable:
            return typed
        return replace(typed, body=compact({**lead, KEY: secret.decode(errors="replace")}))


def _key(body: bytes) -> str | None:
    try:
        key = parse_object(body).get(KEY)
    except Unparsable:
        return None
    return key if isinstance(key, str) else None


def _target(column: str, mapping: Mapping[str, str]) -> str:
    known = mapping.get(column) or _COLUMNS.get(column)
    return known or natural_target(column) or f"fields.{column}"


def _answers(lead: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    columns = lead.get("user_column_data")
    if not isinstance(columns, list):
        raise Unparsable("user_column_data is missing or no list")
    for column in columns:
        if not isinstance(column, dict) or not isinstance(column.get("column_id"), str):
            raise Unparsable("a column has no column_id")
        yield column["column_id"], column.get("string_value")
