"""What rules may ask about beyond the lead itself: its account, place, activity and the time. Pure.

Everything here is known to routing alone, so it is added where a decision is taken and recorded
with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

from schemas.activity import ActivityName
from schemas.score import LeadScored
from services.kernel.conditions import Condition
from services.kernel.facts import COUNTED_BY_ROUTING, FIELDS, as_of, facts_of
from services.kernel.fields import ACTIVITIES, Field, FieldKind, FieldSet
from services.kernel.timezones import zone_of
from services.routing.companies import Company, Level, normal_postal
from services.routing.splitting import units


class Weekday(StrEnum):
    """As ``time.weekday`` says it."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEKDAYS = tuple(Weekday)
_ADDED = (
    Field("account.known", FieldKind.FLAG, "the accounts table has the lead's company"),
    Field("account.id", FieldKind.TEXT, "id of the account"),
    Field("account.customer", FieldKind.FLAG, "the account is a customer"),
    Field("account.open_opportunity", FieldKind.FLAG, "a deal with the account is open"),
    Field("account.named", FieldKind.FLAG, "the account is a named (target) account"),
    Field("account.contacts", FieldKind.NUMBER, "contacts that the CRM has of the account"),
    Field("account.owner", FieldKind.TEXT, "owner of the account, as the import named them"),
    Field("place.region", FieldKind.TEXT, "state or region, upper case"),
    Field("place.postal_code", FieldKind.TEXT, "postal code, upper case, without spaces"),
    Field(
        "activity.last",
        FieldKind.CHOICE,
        "the last thing that happened with the lead",
        tuple(one.value for one in ActivityName),
    ),
    Field("activity.days_ago", FieldKind.NUMBER, "whole days since it"),
    Field("time.hour", FieldKind.NUMBER, "hour of the decision (0 to 23) where the lead is"),
    Field(
        "time.weekday",
        FieldKind.CHOICE,
        "day of the decision where the lead is",
        tuple(one.value for one in Weekday),
    ),
)
ROUTING_FIELDS = FieldSet(
    (*FIELDS.fields, *_ADDED), families=FIELDS.families, counted=COUNTED_BY_ROUTING
)
"""Everything that a routing rule may ask about. Activities are those that came with the score."""

_POSTAL = ("postal_code", "postalcode", "postcode", "zip", "zip_code", "zipcode", "plz")
_REGION = ("region", "state", "state_region", "province", "county")


class RoutingCondition(Condition):
    """A condition of a routing rule."""

    FIELDS: ClassVar[FieldSet] = ROUTING_FIELDS

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a scored lead whatever the hour; worked out once per event."""

    event: LeadScored
    facts: Mapping[str, object]

    @classmethod
    def of(cls, event: LeadScored, company: Company | None) -> Standing:
        """:param company: the lead's account, where it has one."""
        return cls.alone(event).at_account(company)

    @classmethod
    def alone(cls, event: LeadScored) -> Standing:
        """By the event alone, whatever its account."""
        facts = facts_of(event)
        facts.update(_place(event))
        facts.update(units(event.lead.lead_id, event.lead.account_key))
        return cls(event, facts)

    def at_account(self, company: Company | None) -> Standing:
        """The same, once the account is known, or that there is none."""
        account = _account(company) if company is not None else ()
        known: dict[str, object] = {"account.known": company is not None}
        return Standing(self.event, {**self.facts, **known, **dict(account)})

    def at(self, now: datetime, activity: tuple[str, datetime] | None = None) -> dict[str, object]:
        """All that is known when the lead is decided at ``now``.

        :param activity: the last one of the lead, and when it happened.
        """
        facts = as_of(self.facts, now)
        if activity is not None:
            name, at = activity
            facts["activity.last"] = name
            facts["activity.days_ago"] = max(0, (now - at).days)
        facts.update(time_facts(now, facts.get("time_zone")))
        return facts


def time_facts(now: datetime, time_zone: object) -> dict[str, object]:
    """What the clock says where the lead is; UTC where nobody knows where that is."""
    local = now.astimezone(_zone(time_zone))
    return {"time.hour": local.hour, "time.weekday": _WEEKDAYS[local.weekday()].value}


def recorded(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts that may be stored with a decision: none that identifies a person."""
    return {name: value for name, value in facts.items() if _may_be_recorded(name)}


@lru_cache(maxsize=4096)  # forms name their own questions, so there is no end of names
def _may_be_recorded(name: str) -> bool:
    known = ROUTING_FIELDS.find(name)
    return name == ACTIVITIES or (known is not None and not known.personal)


def place_of(event: LeadScored) -> tuple[str | None, str | None]:
    """Region and postal code, as enrichment or the form tells them."""
    return _told(event, _REGION), _told(event, _POSTAL)


def _account(company: Company) -> Iterator[tuple[str, object]]:
    yield "account.id", company.company_id
    yield "account.customer", company.customer
    yield "account.open_opportunity", company.open_opportunity
    yield "account.named", company.named
    yield "account.contacts", company.contacts
    owner = company.owners.get(Level.ACCOUNT.value)
    if owner is not None:
        yield "account.owner", owner


def _place(event: LeadScored) -> Iterator[tuple[str, object]]:
    region, postal = place_of(event)
    if region:
        yield "place.region", region.upper()
    if postal and (code := normal_postal(postal)):
        yield "place.postal_code", code


def _told(event: LeadScored, names: tuple[str, ...]) -> str | None:
    for name in names:
        known = event.facts.get(name)
        if known is not None and isinstance(known.value, str) and known.value.strip():
            return known.value.strip()
    if not event.lead.fields:
        return None
    said: dict[str, Any] = {
        name.casefold().replace(" ", "_").replace("-", "_"): answer
        for name, answer in event.lead.fields.items()
    }
    return next((said[name].strip() for name in names if said.get(name, "").strip()), None)


def _zone(name: object) -> Any:
    if not isinstance(name, str):
        return UTC
    try:
        return zone_of(name)
    except ValueError:
        return UTC
