"""The brief: who, why now, why you, what to ask, when to call, who else. Pure.

Every line says where it comes from and nothing is invented: what is not known has no line. The same
text goes to every sink; only its marking differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from urllib.parse import quote

from schemas.assignment import AssignmentChanged, LeadBlock
from schemas.base import KindName
from schemas.touch import TouchDue, TouchReason
from services.delivery.consent import barred_channels
from services.delivery.model import Colleague
from services.kernel.timezones import zone_of

MOST_CHARACTERS = 1_200
"""Of the whole text; a brief is read on a telephone."""
_MESSAGE = 400
_OPENS, _CLOSES = time(9), time(17, 30)
"""When people can be called, by their own clock, on weekdays."""


class Part(StrEnum):
    """What a line is about, in the order of reading."""

    DUE = "Due"
    WHO = "Who"
    WHY_NOW = "Why now"
    WHY_YOU = "Why you"
    ASK = "Ask"
    CALL = "Call"
    COLLEAGUES = "Colleagues"


@dataclass(frozen=True, slots=True)
class Line:
    """One fact with its source."""

    part: Part
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What a rep is told of one lead."""

    title: str
    lines: tuple[Line, ...]

    def text(self) -> str:
        """As plain text, a paragraph for each part."""
        return "\n".join([self.title, *(f"{part.value}: {said}" for part, said in self.parts())])

    def parts(self) -> Iterator[tuple[Part, str]]:
        """Each part that has something to say."""
        for part in Part:
            said = [line.text for line in self.lines if line.part is part]
            if said:
                yield part, " ".join(said)


_ASKED = {
    KindName.DEMO_REQUEST: "asked for a demo",
    KindName.CONTACT_SALES: "asked to talk to sales",
    KindName.PRICING_REQUEST: "asked for prices",
    KindName.FREE_TRIAL: "started a trial",
    KindName.CONTENT_DOWNLOAD: "downloaded content",
    KindName.WEBINAR: "signed up for a webinar",
    KindName.EVENT: "was at an event",
    KindName.NEWSLETTER: "subscribed to the newsletter",
    KindName.CHAT: "wrote in the chat",
    KindName.REFERRAL: "was referred",
    KindName.PROSPECT: "is a prospect of ours",
    KindName.OTHER: "got in touch",
}


def brief(
    event: AssignmentChanged,
    *,
    colleagues: Sequence[Colleague],
    now: datetime,
    touch: TouchDue | None = None,
    answer: str | None = None,
) -> Brief:
    """What the rep is told.

    :param now: aware; tells the person's local time.
    :param touch: what is due, where this is a reminder.
    :param answer: by when somebody must answer, as a sentence, where a clock starts.
    """
    lines = [
        *_due(touch),
        *_who(event.lead),
        *_why_now(event),
        Line(Part.WHY_YOU, event.reason, "routing.reason"),
        *_ask(event.lead),
        *_deadline(answer, touch),
        *_call(event.lead, now),
        *_colleagues(colleagues),
    ]
    return _fitting(Brief(_title(event, touch), tuple(lines)))


def person(lead: LeadBlock) -> str:
    """The person's name, else what else there is to call them by."""
    name = " ".join(part for part in (lead.first_name, lead.last_name) if part)
    return name or lead.email or lead.phone or "Somebody"


def _title(event: AssignmentChanged, touch: TouchDue | None) -> str:
    company = f", {event.lead.company}" if event.lead.company else ""
    what = event.tier.value if touch is None else _occasion(touch)
    return _clipped(f"{what.capitalize()}: {person(event.lead)}{company}", 120)


def _occasion(touch: TouchDue) -> str:
    return "news" if touch.signal is not None else _OCCASION[touch.reason]


_OCCASION = {
    TouchReason.REMINDER: "reminder",
    TouchReason.BREACH: "nobody answered",
    TouchReason.CADENCE: "next touch",
}


def _due(touch: TouchDue | None) -> Iterator[Line]:
    if touch is not None and touch.note:
        yield Line(Part.DUE, _clipped(touch.note, 200), "touch.note")


def _who(lead: LeadBlock) -> Iterator[Line]:
    facts = lead.facts
    role = lead.job_title or " ".join(
        facts[name] for name in ("seniority", "department") if name in facts
    )
    if role:
        yield Line(
            Part.WHO, f"{_clipped(role, 80)}.", "lead.job_title" if lead.job_title else "facts"
        )
    company = ", ".join(
        text
        for text in (
            facts.get("industry", ""),
            f"{facts['headcount']} people" if "headcount" in facts else "",
            facts.get("country") or lead.country or "",
        )
        if text
    )
    if company:
        yield Line(Part.WHO, f"{_clipped(company, 100)}.", "facts")
    reach = " · ".join(text for text in (lead.email, lead.phone) if text)
    if reach:
        yield Line(Part.WHO, reach, "lead")


def _why_now(event: AssignmentChanged) -> Iterator[Line]:
    lead = event.lead
    first = f"{person(lead)} {_ASKED.get(event.kind, 'got in touch')}"
    came = (
        "" if event.channel.value in ("unknown", "direct") else f" ({_words(event.channel.value)})"
    )
    yield Line(Part.WHY_NOW, f"{first}{came}.", "kind, channel")
    if lead.message:
        yield Line(Part.WHY_NOW, f"“{_clipped(lead.message, _MESSAGE)}”", "lead.message")
    if lead.touch is not None and lead.touch > 1:
        yield Line(Part.WHY_NOW, f"Contact number {lead.touch}.", "lead.touch")
    if lead.score_reasons:
        reasons = ", ".join(_words(rule) for rule in lead.score_reasons)
        yield Line(Part.WHY_NOW, f"Score {event.score.total / 100:g}: {reasons}.", "score.ledger")


def _ask(lead: LeadBlock) -> Iterator[Line]:
    for question in lead.questions:
        yield Line(Part.ASK, question.ask, f"qualification.yaml: {question.about.value}")


def _deadline(answer: str | None, touch: TouchDue | None) -> Iterator[Line]:
    """A reminder says itself until when the clock runs."""
    if answer is not None and touch is None:
        yield Line(Part.CALL, answer, "response.yaml: breach")


def _call(lead: LeadBlock, now: datetime) -> Iterator[Line]:
    name = lead.facts.get("time_zone")
    if "phone" in barred_channels(lead.consent) or "any" in barred_channels(lead.consent):
        yield Line(Part.CALL, "Do not call: the person refused it.", "lead.consent")
        return
    try:
        zone = zone_of(name) if name else None
    except ValueError:
        zone = None
    if zone is None:
        return
    yield Line(Part.CALL, _hours(now.astimezone(zone)), "facts.time_zone")


def _hours(there: datetime) -> str:
    clock = f"It is {there:%A %H:%M} there"
    if there.weekday() < 5 and _OPENS <= there.time() < _CLOSES:
        return f"{clock}: call now, until {_CLOSES:%H:%M}."
    day = there if there.time() < _OPENS else there + timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return f"{clock}: call {day:%A} from {_OPENS:%H:%M} their time."


def _colleagues(colleagues: Sequence[Colleague]) -> Iterator[Line]:
    if colleagues:
        said = "; ".join(f"{one.person} with {one.rep_name}" for one in colleagues)
        yield Line(Part.COLLEAGUES, f"{_clipped(said, 200)}.", "assignments of the account")


_FIRST_TO_GO = (Part.COLLEAGUES, Part.ASK, Part.CALL)


def _fitting(full: Brief) -> Brief:
    """Lines leave from the least needed on; a message is cut before the reason is."""
    found = full
    for part in _FIRST_TO_GO:
        while len(found.text()) > MOST_CHARACTERS and any(li.part is part for li in found.lines):
            last = max(at for at, line in enumerate(found.lines) if line.part is part)
            found = Brief(found.title, found.lines[:last] + found.lines[last + 1 :])
    excess = len(found.text()) - MOST_CHARACTERS
    return found if excess <= 0 else Brief(found.title, tuple(_shorter(found.lines, excess)))


def _shorter(lines: Iterable[Line], excess: int) -> Iterator[Line]:
    left = excess
    for line in sorted(lines, key=lambda one: list(Part).index(one.part)):
        if left > 0 and len(line.text) > 60:
            kept = max(60, len(line.text) - left)
            left -= len(line.text) - kept
            line = Line(line.part, _clipped(line.text, kept), line.source)
        yield line


def _clipped(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1].rstrip()}…"


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def links(templates: Mapping[str, str], event: AssignmentChanged) -> list[tuple[str, str]]:
    """Title and address of each link whose parts are known; the lead's own CRM record first."""
    known = {
        "lead_id": str(event.lead_id),
        "email": event.lead.email or "",
        "external_id": event.lead.external_id or "",
    }
    found = []
    crm = event.lead.crm_url
    if crm and crm.startswith("https://"):
        found.append(("Open in CRM", crm))
    for title, template in templates.items():
        needed = [name for name in known if f"{{{name}}}" in template]
        if all(known[name] for name in needed):
            address = template
            for name in needed:
                address = address.replace(f"{{{name}}}", quote(known[name], safe=""))
            found.append((title, address))
    return found
