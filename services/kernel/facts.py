"""What is known about a lead, by the names that rules use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from schemas.activity import ActivityName, Actor
from schemas.base import ChannelName, KindName, Lane, Motion, Provenance, TierName
from schemas.enrichment import LeadEnriched
from schemas.lead import Lead
from schemas.score import CountedActivity, LeadScored
from services.kernel.fields import ACTIVITIES, MOST_ACTIVITIES, NOW, Field, FieldKind, FieldSet
from services.kernel.identity.domains import EmailClass
from services.kernel.identity.phone import PhoneType
from services.kernel.vocabulary import Department, EmailStatus, MailProvider, Seniority


def _text(name: str, description: str, *, personal: bool = False) -> Field:
    return Field(name, FieldKind.TEXT, description, personal=personal)


def _number(name: str, description: str) -> Field:
    return Field(name, FieldKind.NUMBER, description)


def _flag(name: str, description: str) -> Field:
    return Field(name, FieldKind.FLAG, description)


def _country(name: str, description: str) -> Field:
    return Field(name, FieldKind.COUNTRY, f"{description} (ISO 3166-1 alpha-2)")


def _choice(name: str, members: type[StrEnum], description: str) -> Field:
    return Field(name, FieldKind.CHOICE, description, tuple(member.value for member in members))


def _closed(name: str, members: type[StrEnum], description: str) -> Field:
    """One of the event's own vocabularies: it is always there, and nothing else is."""
    return replace(_choice(name, members, description), closed=True)


def _instant(name: str, description: str) -> Field:
    return Field(name, FieldKind.INSTANT, description)


_SUBMISSION = (
    _closed("kind", KindName, "what the person asked for"),
    _text("source", "name of the source in sources.yaml, or api"),
    _closed("channel", ChannelName, "where the lead came from"),
    _closed("motion", Motion, "who moved first: the buyer or we"),
    _closed("lane", Lane, "whether someone waits"),
    _text("form_id", "the form, as its tool calls it"),
    _number("touch", "1 for the person's first submission, then counting up"),
    _instant("submitted_at", "when the person asked"),
    _instant("now", "the moment for which the rule is asked"),
)
_LEAD = (
    _text("lead.email", "e-mail address, normalised", personal=True),
    _text("lead.email_domain", "the part of the address after the @"),
    _text("lead.company", "company as the person wrote it"),
    _country("lead.country", "country as the person gave it"),
    _text("lead.job_title", "job title as the person wrote it"),
    _text("lead.phone", "phone number in E.164", personal=True),
    _text("lead.message", "what the person wrote", personal=True),
    _text("lead.page_url", "the page with the form"),
    _text("utm.source", "campaign source of the landing page"),
    _text("utm.medium", "campaign medium of the landing page"),
    _text("utm.campaign", "campaign of the landing page"),
    _text("utm.term", "campaign term of the landing page"),
    _text("utm.content", "campaign content of the landing page"),
)
_DERIVED: tuple[tuple[str, Field], ...] = (
    ("email_class", _choice("email.class", EmailClass, "who can have a mailbox at the domain")),
    ("email_role", _flag("email.role", "the address names a function, not a person")),
    ("email_status", _choice("email.status", EmailStatus, "what a verifier found out about it")),
    ("registrable_domain", _text("company.domain", "the domain that the company registered")),
    ("company", _text("company.name", "company, as enrichment knows it")),
    ("headcount", _number("company.headcount", "people who work there")),
    ("industry", _text("company.industry", "what the company does")),
    ("company_country", _country("company.country", "where the company sits")),
    ("funding_stage", _text("company.funding_stage", "seed, series_a …, as the provider says")),
    ("headquarters", _text("company.headquarters", "city, region, country of the head office")),
    ("mail_provider", _choice("company.mail_provider", MailProvider, "who runs its mail")),
    (
        "technologies",
        Field("company.technologies", FieldKind.TAGS, "products and languages that they use"),
    ),
    ("role_confirmed_at", _instant("person.role_confirmed_at", "when the job was last confirmed")),
    ("seniority", _choice("person.seniority", Seniority, "how high the person stands")),
    ("department", _choice("person.department", Department, "what the person works on")),
    ("phone_country", _country("phone.country", "country of the phone number")),
    ("phone_type", _choice("phone.type", PhoneType, "kind of line")),
    ("country", _country("country.resolved", "the best guess of the person's country")),
    ("time_zone", _text("time_zone", "the person's time zone (IANA)")),
)
_SCORE = (
    _number("score.fit", "points for who they are"),
    _number("score.intent", "points for what they do"),
    _number("score.total", "points in all"),
    _closed("tier", TierName, "how urgent the lead is"),
    _flag("mql", "fit and intent reach the marketing-qualified bands"),
    _flag("sql", "sales-qualified by qualification.yaml"),
)
_ANSWERS = _text("lead.fields.", "an answer to one of the form's own questions", personal=True)

FIELDS = FieldSet(
    _SUBMISSION + _LEAD + tuple(one for _, one in _DERIVED) + _SCORE, families=(_ANSWERS,)
)
"""Everything that a rule may ask about once a lead is scored."""

_ACTIVITY = (
    _choice("kind", ActivityName, "what happened"),
    _choice("actor", Actor, "who did it, for what we did: a person or a program"),
    _text("source", "who recorded it: the feed in sources.yaml, or api"),
    _text("page_kind", "what sort of page was seen: pricing …"),
    _text("page_url", "address of the page that was seen"),
    _text("detail", "one line about it: the trial action, the subject of a call", personal=True),
    _number("amount", "of the opportunity, in its currency"),
)
ENRICHED_FIELDS = FIELDS.without(one.name for one in _SCORE).counting(_ACTIVITY)
"""What scoring itself may ask about: everything but its own result, and what happened since."""

COUNTED_BY_ROUTING = tuple(one for one in _ACTIVITY if one.name not in ("page_url", "detail"))
"""What rules of routing may ask of an activity: what travels with a score."""

ANSWER = "answer"
QUALIFYING_FIELDS = FieldSet(
    (*FIELDS, _text(ANSWER, "what was answered, by whom ever", personal=True)),
    families=FIELDS.families,
    counted=_ACTIVITY,
)
"""What the shared definition of a qualified lead may ask about: the score too, and the answer."""

_FIELD_OF_FACT = dict(_DERIVED)
FACT_OF_FIELD: Mapping[str, str] = {one.name: fact for fact, one in _DERIVED}
"""Which of an event's ``facts`` a field is read from; enrichment learns from it what rules want."""


def facts_of(event: LeadEnriched | LeadScored) -> dict[str, object]:
    """What is known, by field name. What is not known is not there.

    ``now`` is the receipt of the event; who decides for another moment sets it (``as_of``).

    Costs some ten microseconds; make it once per event and ask all rules with it.
    """
    facts: dict[str, object] = {
        "kind": event.kind.value,
        "source": event.source,
        "channel": event.channel.value,
        "motion": event.motion.value,
        "lane": event.lane.value,
        "touch": event.touch,
        "submitted_at": event.submitted_at.timestamp(),
        NOW: event.received_at.timestamp(),
    }
    facts.update(_said(event.lead))
    facts.update(_derived(event.facts))
    if isinstance(event, LeadScored):
        facts["score.fit"] = event.score.fit / 100
        facts["score.intent"] = event.score.intent / 100
        facts["score.total"] = event.score.total / 100
        facts["tier"] = event.tier.value
        facts["mql"] = event.mql
        if event.happened is not None:
            facts[ACTIVITIES] = [_happened(one) for one in event.happened]
        if event.qualification is not None:
            facts["sql"] = event.qualification.sql
    return facts


def as_of(
    facts: Mapping[str, object],
    now: datetime,
    activities: Iterable[Mapping[str, object]] | None = None,
) -> dict[str, object]:
    """The facts at another moment, with what happened until then.

    :param activities: each with ``kind``, ``at`` (seconds since 1970), and what else is known
        of it; in any order. None: not known, so counts of them are unknown.
    """
    seen = {**facts, NOW: now.timestamp()}
    if activities is not None:
        newest = sorted(activities, key=_at, reverse=True)
        seen[ACTIVITIES] = newest[:MOST_ACTIVITIES]
    return seen


def _at(activity: Mapping[str, object]) -> float:
    at = activity["at"]
    return at if isinstance(at, float | int) else 0.0


def _happened(one: CountedActivity) -> dict[str, object]:
    return {
        "kind": one.kind.value,
        "at": one.at.timestamp(),
        "actor": one.actor.value,
        "source": one.source,
        "page_kind": one.page_kind,
        "amount": one.amount,
    }


def without_identifiers(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts that may be stored with a decision: none that identifies a person."""
    return {
        name: value
        for name, value in facts.items()
        if (known := FIELDS.find(name)) is not None and not known.personal
    }


def _said(lead: Lead) -> Iterable[tuple[str, str]]:
    utm = lead.utm
    pairs = (
        ("form_id", lead.form_id),
        ("lead.email", lead.email),
        ("lead.email_domain", lead.email.rpartition("@")[2] if lead.email else None),
        ("lead.company", lead.company),
        ("lead.country", lead.country),
        ("lead.job_title", lead.job_title),
        ("lead.phone", lead.phone),
        ("lead.message", lead.message),
        ("lead.page_url", lead.page_url),
        ("utm.source", utm.source),
        ("utm.medium", utm.medium),
        ("utm.campaign", utm.campaign),
        ("utm.term", utm.term),
        ("utm.content", utm.content),
        *((f"lead.fields.{name}", answer) for name, answer in lead.fields.items()),
    )
    return [(name, value) for name, value in pairs if value]


def _derived(known: Mapping[str, Provenance]) -> Iterable[tuple[str, object]]:
    for fact, found in known.items():
        field = _FIELD_OF_FACT.get(fact)
        if field is not None and (value := field.coerce(found.value)) is not None:
            yield field.name, value
