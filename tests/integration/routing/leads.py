"""Scored leads and small configurations, made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from schemas.base import NAMESPACE, ChannelName, KindName, Lane, Motion, Provenance, TierName
from schemas.lead import Lead, Repeat
from schemas.score import LeadScored, Score
from services.routing.config import parse
from services.routing.plan import Plan

MONDAY_NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
CALENDARS = """
calendars:
  always: {hours: {every_day: "00:00-24:00"}}
  office: {hours: {weekdays: "09:00-17:00"}}
"""


def lead_id(name: str) -> UUID:
    return uuid5(NAMESPACE, name)


def scored(
    person: str = "ann@acme.example",
    *,
    revision: int = 1,
    tier: TierName = TierName.HOT,
    kind: KindName = KindName.DEMO_REQUEST,
    facts: Mapping[str, Any] | None = None,
    at: datetime = MONDAY_NINE,
    **fields: Any,
) -> LeadScored:
    """A score of the person behind an address; the account is the address's domain."""
    who = Lead(
        lead_id=lead_id(person),
        account_key=fields.pop("account_key", person.rpartition("@")[2]),
        email=person,
        message=fields.pop("message", None),
    )
    values: dict[str, Any] = {
        "submission_id": uuid4(),
        "causation_id": uuid4(),
        "received_at": at,
        "submitted_at": at,
        "lane": Lane.LIVE,
        "motion": Motion.INBOUND,
        "channel": ChannelName.DIRECT,
        "source": "website",
        "repeat": Repeat.FIRST if revision == 1 else Repeat.RETURNING,
        "touch": revision,
        "late": False,
        "mql": tier is TierName.HOT,
        "ledger": (),
        "score": Score(fit=4000, intent=6000, total=10000),
        "scoring_version": "test",
        **fields,
    }
    known = {
        name: Provenance(value=value, source="derived:test", at=at)
        for name, value in (facts or {}).items()
    }
    return LeadScored(
        kind=kind, lead=who, facts=known, tier=tier, lead_revision=revision,
        score_revision=revision, **values,
    )  # fmt: skip


def many(count: int, *, prefix: str = "p", **fields: Any) -> list[LeadScored]:
    """Strangers, each of a company of their own, a second apart."""
    start = fields.pop("at", MONDAY_NINE)
    return [
        scored(f"{prefix}{n}@{prefix}{n}.example", at=start + timedelta(seconds=n), **fields)
        for n in range(count)
    ]


def files(
    members: Mapping[str, int] | None = None,
    *,
    rules: str = "",
    pools: str = "",
    pool_options: str = "",
    reps: str = "",
    rep_options: str = "",
    by_rep: Mapping[str, str] | None = None,
    teams: str = "",
    calendar: str = "always",
    routing: str = "",
) -> dict[str, str]:
    """A configuration around one pool ``desk`` of ``members``, who work on ``calendar``."""
    own = by_rep or {}
    weights = members or {"ana": 1, "ben": 1, "cleo": 1}
    people = "\n".join(
        f"  - {{id: {rep}, name: {rep.title()} Test, email: {rep}@example.com, role: sdr,"
        f" time_zone: UTC, calendar: {calendar}{rep_options}{own.get(rep, '')}}}"
        for rep in weights
    )
    seats = ", ".join(f"{{rep: {rep}, weight: {weight}}}" for rep, weight in weights.items())
    staff = (
        f"{teams}\nreps:\n{people}\n{reps}\npools:\n"
        f"  - {{id: desk, role: sdr, members: [{seats}]{pool_options}}}\n{pools}\n"
    )
    rule_lines = f"rules:\n{rules}\n" if rules else ""
    return {
        "calendars.yaml": CALENDARS,
        "teams.yaml": staff,
        "routing.yaml": f"{routing}\n{rule_lines}catch_all: {{pool: desk}}\n",
    }


def plan(members: Mapping[str, int] | None = None, **options: Any) -> Plan:
    return parse(files(members, **options))
