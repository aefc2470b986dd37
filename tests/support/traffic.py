"""Hand-raises as the world sends them: three doors, colleagues, returning people, double clicks.

Signatures are computed here from the vendors' descriptions, not with our own adapters.
"""

from __future__ import annotations

import hmac
import json
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

API, TYPEFORM, WEBSITE = "api", "typeform_demo", "website"

_KINDS = ("demo_request", "contact_sales", "pricing_request", "free_trial", "webinar", "newsletter")


@dataclass(frozen=True, slots=True)
class Request:
    """One hand-raise; sent again it is a delivery retry."""

    source: str
    body: bytes
    what: str
    """new, colleague, returning or double."""
    person: str
    """E-mail address."""
    message_id: str = ""
    idempotency_key: str | None = None

    @property
    def path(self) -> str:
        return "/v1/leads" if self.source == API else f"/hooks/{self.source}"

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the body."""
        return sha256(self.body).hexdigest()

    def headers(self, api_key: str, secrets: Mapping[str, str]) -> dict[str, str]:
        """What its sender would put there now; ``secrets`` by source."""
        common = {"content-type": "application/json"}
        match self.source:
            case "api":
                key = {"idempotency-key": self.idempotency_key} if self.idempotency_key else {}
                return common | {"authorization": f"Bearer {api_key}"} | key
            case "typeform_demo":
                return common | _typeform_signature(self.body, secrets[TYPEFORM])
            case _:
                return common | _standard_signature(self.body, self.message_id, secrets[WEBSITE])


def traffic(run: str, count: int, seed: int = 1) -> Iterator[Request]:
    """``count`` requests: about half new people, then colleagues, returning people, double clicks.

    ``run`` is part of every address, so that two runs meet different people.
    """
    dice = random.Random(seed)
    made: list[Request] = []
    for number in range(count):
        chance = dice.random()
        if made and chance < 0.15:
            request = _double(dice.choice(made[-20:]), number)
        elif made and chance < 0.30:
            request = _returning(dice.choice(made), run, number)
        elif made and chance < 0.50:
            domain = dice.choice(made).person.partition("@")[2]
            request = _ask(run, number, f"colleague{number}@{domain}", "colleague")
        else:
            # One label below the suffix: what stands before that would be the same company.
            domain = f"company-{number}-{run}.example"
            request = _ask(run, number, f"person{number}@{domain}", "new")
        made.append(request)
        yield request


def ask(run: str, number: int, person: str, source: str, kind: str = "demo_request") -> Request:
    """One hand-raise of a person through one of the doors."""
    lead = _lead(person, kind, number)
    match source:
        case "api":
            key = f"{run}-{number}" if number % 2 else None
            return Request(source, _json(lead), "new", person, idempotency_key=key)
        case "typeform_demo":
            return Request(source, _json(_typeform(lead, run, number)), "new", person)
        case _:
            event = {"type": "lead.submitted", "timestamp": _now(), "data": lead}
            return Request(source, _json(event), "new", person, f"msg_{run}_{number}")


def padded(request: Request) -> Request:
    """With so many answers that it can be told apart in a socket's queue: 40 kB."""
    document = json.loads(request.body)
    document.get("data", document)["fields"] = {f"answer{n}": "x" * 1900 for n in range(20)}
    return replace(request, body=_json(document))


def _ask(run: str, number: int, person: str, what: str) -> Request:
    source = (API, WEBSITE, TYPEFORM)[number % 3]
    made = ask(run, number, person, source, _KINDS[number % len(_KINDS)])
    return Request(made.source, made.body, what, person, made.message_id, made.idempotency_key)


def _returning(earlier: Request, run: str, number: int) -> Request:
    """The same person asks for something, through another door or form."""
    return _ask(run, number, earlier.person, "returning")


def _double(earlier: Request, number: int) -> Request:
    """The same form once more, a moment later: another body, another delivery."""
    document = json.loads(earlier.body)
    match earlier.source:
        case "typeform_demo":
            document["event_id"] += f"-again-{number}"
            document["form_response"]["token"] += f"-again-{number}"
        case "website":
            document["data"]["fields"] = {"press": str(number)}
        case _:
            document["fields"] = {"press": str(number)}
    key = f"{earlier.idempotency_key}-again-{number}" if earlier.idempotency_key else None
    message = f"{earlier.message_id}_again_{number}" if earlier.message_id else ""
    return Request(earlier.source, _json(document), "double", earlier.person, message, key)


def _lead(person: str, kind: str, number: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "email": person,
        "first_name": f"Given{number}",
        "last_name": "Família",
        "company": person.partition("@")[2],
        "job_title": "Head of Sales",
        "country": ("DE", "US", "SG")[number % 3],
        "form_id": f"form-{number % 4}",
        "page_url": "https://www.handraise.example/demo",
        "utm": {"source": "google", "medium": "cpc"} if number % 2 else {},
        "submitted_at": _now(),
    }


def _typeform(lead: Mapping[str, Any], run: str, number: int) -> dict[str, Any]:
    answers = [
        {"type": "email", "email": lead["email"], "field": _field("work_email", "email")},
        {"type": "text", "text": lead["first_name"], "field": _field("first_name", "short_text")},
        {"type": "text", "text": lead["company"], "field": _field("company_name", "short_text")},
        {"type": "text", "text": lead["job_title"], "field": _field("role", "short_text")},
        {"type": "text", "text": lead["country"], "field": _field("country", "dropdown")},
    ]
    response = {
        "form_id": f"tf-{number % 4}",
        "token": f"tok-{run}-{number}",
        "submitted_at": lead["submitted_at"],
        "hidden": {"utm_source": "linkedin", "utm_medium": "paid_social"},
        "answers": answers,
    }
    event = {"event_id": f"evt-{run}-{number}", "event_type": "form_response"}
    return event | {"form_response": response}


def _field(ref: str, kind: str) -> dict[str, str]:
    return {"id": ref.upper(), "ref": ref, "type": kind}


def _typeform_signature(body: bytes, secret: str) -> dict[str, str]:
    digest = hmac.digest(secret.encode(), body, "sha256")
    return {"typeform-signature": f"sha256={b64encode(digest).decode()}"}


def _standard_signature(body: bytes, message_id: str, secret: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    key = b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    digest = b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{digest}",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
