"""LinkedIn Lead Gen Forms (lead notifications of the Lead Sync API).

The address is proven with a challenge every two hours: hex of HMAC-SHA256 over the code, keyed with
the app's client secret. Events are signed over the text ``hmacsha256=`` followed by the raw body,
hex, in ``X-LI-Signature``. They name a response, which the API then tells.
"""

from __future__ import annotations

import hmac
import json
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
    one_item,
    usable_key,
    with_headers,
)
from services.capture.adapters.fetching import Access, FetchRequest, bearer
from services.capture.adapters.signing import judged
from services.capture.leadform import LeadForm, assemble, natural_target
from services.capture.wire import moment_of_ms, object_or_none, parse_object, text_of

HEADER = "x-li-signature"
API_VERSION: Final = "202601"
_SIGNED_PREFIX = b"hmacsha256="
_MAX_CHALLENGE: Final = 200
_FIELDS = (
    "id,submittedAt,testLead,leadType,versionedLeadGenFormUrn,formResponse,"
    "form:(hiddenFields,name,id,content)"
)
_PREDEFINED = {
    "WORK_EMAIL": "email",
    "EMAIL": "email",
    "WORK_PHONE_NUMBER": "phone",
    "PHONE_NUMBER": "phone",
    "COMPANY_NAME": "company",
    "JOB_TITLE": "job_title",
}


class LinkedinLeadGen:
    """One response of one form per request."""

    name = "linkedin_lead_gen"
    base_url = "https://api.linkedin.com"
    kept_headers = frozenset({HEADER, "content-type"})
    acknowledgement = Acknowledgement()
    evidence = Evidence.SECONDARY

    def handshake(self, request: HookRequest, secrets: Sequence[bytes]) -> Handshake | None:
        code = request.query.get("challengeCode", "")
        if not secrets or not code or len(code) > _MAX_CHALLENGE or not code.isascii():
            return None
        # It must be the app's present secret; the first is that.
        proof = hmac.digest(secrets[0], code.encode(), sha256).hex()
        answer = json.dumps({"challengeCode": code, "challengeResponse": proof})
        return Handshake(answer.encode(), "application/json")

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        given = request.headers.get(HEADER, "")
        expected = [_signature(request.body, secret) for secret in secrets]
        return judged(given, expected)

    def split(self, request: HookRequest) -> Sequence[Item]:
        return one_item(request.body, _action)

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        _response_id(item)
        raise Unparsable("the response has to be fetched first")

    def fetch(self, item: Delivered, access: Access) -> FetchRequest:
        place = f"{access.base_url}/rest/leadFormResponses/{quote(_response_id(item), safe='')}"
        headers = bearer(access, linkedin_version=API_VERSION, x_restli_protocol_version="2.0.0")
        return FetchRequest(f"{place}?fields={_FIELDS}", headers)

    def status(self, status: int, body: bytes) -> int:
        return status

    def fetched(self, item: Delivered, answer: bytes, source: SourceView) -> LeadForm:
        response = parse_object(answer)
        if usable_key(response.get("id")) != _response_id(item):
            raise Unparsable("the answer is about another response")
        questions = _questions(response)
        values: dict[str, Any] = {}
        for number, value in _answers(response):
            question = questions.get(number, {})
            names = (number, question.get("predefinedField"), question.get("name"))
            target = _target(names, source.mapping)
            taken = target in values
            values[f"fields.{names[1] or names[2] or number}" if taken else target] = value
        for name, value in _hidden(response):
            values.setdefault(_target((name,), source.mapping), value)
        form = response.get("versionedLeadGenFormUrn")
        values["form_id"] = source.form_id or (form if isinstance(form, str) else None)
        values["submitted_at"] = moment_of_ms(response.get("submittedAt"))
        values["test"] = response.get("testLead") is True
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        return with_headers(
            request,
            content_type="application/json",
            x_li_signature=_signature(request.body, secret).decode(),
        )


def _signature(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, _SIGNED_PREFIX + body, sha256).hex().encode()


def _action(event: Mapping[str, Any]) -> str | None:
    response, action = event.get("leadGenFormResponse"), event.get("leadAction")
    named = isinstance(response, str) and isinstance(action, str)
    return f"{response}:{action}" if named else None


def _response_id(item: Delivered) -> str:
    event = parse_object(item.body)
    if event.get("type") != "LEAD_ACTION":
        raise Ignored.because("type", event.get("type"))
    if event.get("leadAction") != "CREATED":
        raise Ignored.because("leadAction", event.get("leadAction"))
    urn = event.get("leadGenFormResponse")
    response = urn.rpartition(":")[2] if isinstance(urn, str) else ""
    if not response:
        raise Unparsable("leadGenFormResponse is missing")
    return response


def _questions(response: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    content = object_or_none(object_or_none(response.get("form")).get("content"))
    questions = content.get("questions")
    return {
        text_of(question["questionId"]): question
        for question in (questions if isinstance(questions, list) else ())
        if isinstance(question, dict) and question.get("questionId") is not None
    }


def _answers(response: Mapping[str, Any]) -> list[tuple[str, Any]]:
    answers = object_or_none(response.get("formResponse")).get("answers")
    if not isinstance(answers, list):
        raise Unparsable("formResponse.answers is missing or no list")
    found = []
    for answer in answers:
        if not isinstance(answer, dict) or answer.get("questionId") is None:
            raise Unparsable("an answer has no questionId")
        details = object_or_none(answer.get("answerDetails"))
        text = object_or_none(details.get("textQuestionAnswer")).get("answer")
        options = object_or_none(details.get("multipleChoiceAnswer")).get("options")
        if text is None and isinstance(options, list):
            text = ", ".join(map(text_of, options))
        found.append((text_of(answer["questionId"]), text))
    return found


def _hidden(response: Mapping[str, Any]) -> list[tuple[str, Any]]:
    fields = object_or_none(response.get("form")).get("hiddenFields")
    return [
        (field["name"], field.get("value"))
        for field in (fields if isinstance(fields, list) else ())
        if isinstance(field, dict) and isinstance(field.get("name"), str)
    ]


def _target(names: Sequence[Any], mapping: Mapping[str, str]) -> str:
    """The first name that leads anywhere; else the most telling one, in ``fields``."""
    texts = [name for name in names if isinstance(name, str) and name]
    for name in texts:
        known = mapping.get(name) or _PREDEFINED.get(name) or natural_target(name)
        if known is not None:
            return known
    return f"fields.{texts[-1]}"
