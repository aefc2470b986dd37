"""Sample submissions in the formats that form tools really send, for ``demo`` and first steps.

The people are invented and live on reserved domains. A run number keeps two runs apart, so that a
second demo is not all returning persons.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

_FIRST = ("Dana", "Noah", "Amira", "Luca", "Mei", "Oskar", "Priya", "Tomas", "Zoë", "Ines")
_LAST = (
    "Okafor",
    "Lindgren",
    "Haddad",
    "Moretti",
    "Tan",
    "Novak",
    "Rao",
    "Silva",
    "Meyer",
    "Costa",
)
_TITLES = (
    "VP Revenue", "Head of Sales", "Marketing Manager", "Chief Technology Officer",
    "Sales Operations Analyst", "Director of Growth", "Leiter Vertrieb", "Account Executive",
)  # fmt: skip
_COUNTRIES = ("US", "DE", "GB", "FR", "SG", "AU", "CA", "NL")
_SIZES = ("11-50", "51-200", "201-500", "1001-5000")
_KINDS = (
    "demo_request", "pricing_request", "demo_request", "content_download", "contact_sales",
    "webinar", "free_trial", "newsletter",
)  # fmt: skip
_UTM: tuple[dict[str, str], ...] = (
    {"source": "google", "medium": "cpc", "campaign": "brand"},
    {"source": "newsletter", "medium": "email", "campaign": "november"},
    {"source": "linkedin", "medium": "paid_social", "campaign": "revops"},
    {},
)
TYPEFORM_SOURCE, WEBSITE_SOURCE, API_SOURCE = "typeform_demo", "website", "api"


@dataclass(frozen=True, slots=True)
class Sample:
    """One request to make."""

    source: str
    body: bytes
    note: str = ""
    """What is special about it; empty for an ordinary hand-raise."""


def samples(run: str, at: datetime) -> Iterator[Sample]:
    """Endless samples, with traps: a retry, a double click, a test, an unreadable body."""
    previous: Sample | None = None
    clicked = 0
    for number in count():
        if number % 10 == 7 and previous is not None:
            yield Sample(previous.source, previous.body, "delivery retry")
        elif number % 40 == 19:
            yield Sample(WEBSITE_SOURCE, b'{"type": "lead.submitted", "data": ', "unreadable body")
        elif number % 40 == 29:
            yield _website(run, number, at, {"test": True}, "test lead")
        elif number % 40 == 39:
            yield _website(run, clicked, at + timedelta(seconds=1), {}, "double click")
        else:
            previous = _ordinary(run, number, at)
            clicked = number if previous.source == WEBSITE_SOURCE else clicked
            yield previous


def _ordinary(run: str, number: int, at: datetime) -> Sample:
    match number % 3:
        case 0:
            return _typeform(run, number, at)
        case 1:
            return Sample(API_SOURCE, _json(_lead(run, number, at)))
        case _:
            return _website(run, number, at, {}, "")


def _website(run: str, number: int, at: datetime, extra: dict[str, object], note: str) -> Sample:
    lead = _lead(run, number, at) | extra
    event = {"type": "lead.submitted", "timestamp": at.isoformat(), "data": lead}
    return Sample(WEBSITE_SOURCE, _json(event), note)


def _lead(run: str, number: int, at: datetime) -> dict[str, object]:
    first, last = _name(number)
    return {
        "kind": _KINDS[number % len(_KINDS)],
        "email": f"{first}.{last}@{_domain(run, number)}".lower().replace("ë", "e"),
        "first_name": first,
        "last_name": last,
        "company": f"Company {number}",
        "job_title": _TITLES[number % len(_TITLES)],
        "country": _COUNTRIES[number % len(_COUNTRIES)],
        "form_id": "website-demo",
        "page_url": "https://www.handraise.example/demo",
        "utm": _UTM[number % len(_UTM)],
        "submitted_at": at.isoformat(),
    }


def _typeform(run: str, number: int, at: datetime) -> Sample:
    lead = _lead(run, number, at)
    questions = [
        ("work_email", "email", lead["email"]),
        ("first_name", "text", lead["first_name"]),
        ("last_name", "text", lead["last_name"]),
        ("company", "text", lead["company"]),
        ("job_title", "text", lead["job_title"]),
        ("country", "text", lead["country"]),
    ]
    answers: list[dict[str, object]] = [
        {"type": kind, kind: value, "field": {"id": f"f{index}", "ref": ref, "type": kind}}
        for index, (ref, kind, value) in enumerate(questions)
    ]
    size = {"id": "c1", "ref": "size", "label": _SIZES[number % len(_SIZES)]}
    field = {"id": "f9", "ref": "company_size", "type": "multiple_choice"}
    answers.append({"type": "choice", "choice": size, "field": field})
    response = {
        "form_id": "aB3dEf",
        "token": f"tok-{run}-{number}",
        "landed_at": (at - timedelta(seconds=80)).isoformat(),
        "submitted_at": at.isoformat(),
        "hidden": {f"utm_{name}": value for name, value in _UTM[number % len(_UTM)].items()},
        "definition": {"id": "aB3dEf", "title": "Book a demo"},
        "answers": answers,
    }
    event = {"event_id": f"evt-{run}-{number}", "event_type": "form_response"}
    return Sample(TYPEFORM_SOURCE, _json(event | {"form_response": response}))


def _name(number: int) -> tuple[str, str]:
    return _FIRST[number % len(_FIRST)], _LAST[(number // len(_FIRST) + number) % len(_LAST)]


def _domain(run: str, number: int) -> str:
    # Every fifth is a colleague of the one before: a demo shows one owner for one account.
    return f"company-{run}-{number - (number % 5 == 4)}.example"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
