"""The example is sensible, and what is wrong in a file is named with its line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from schemas.base import KindName
from services.runtime.configfile import ConfigError
from services.scoring.config import parse
from services.scoring.model import Touch, score

_TEXT = (Path(__file__).parents[3] / "deploy/config/scoring.yaml").read_text("utf-8")
_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_BUSINESS = {"email.class": "business", "email.role": False}


@pytest.mark.parametrize(
    ("kind", "facts", "tier"),
    [
        ("demo_request", {**_BUSINESS, "person.seniority": "vp", "company.headcount": 600}, "hot"),
        ("demo_request", {**_BUSINESS, "person.seniority": "vp"}, "hot"),
        ("demo_request", _BUSINESS, "warm"),
        ("demo_request", {"email.class": "free"}, "warm"),
        ("demo_request", {}, "warm"),
        ("contact_sales", {**_BUSINESS, "person.seniority": "manager"}, "hot"),
        ("webinar", {**_BUSINESS, "company.headcount": 250}, "warm"),
        ("content_download", {**_BUSINESS, "company.headcount": 250}, "warm"),
        ("webinar", {"email.class": "free"}, "nurture"),
        ("newsletter", {"email.class": "free"}, "nurture"),
        ("newsletter", {**_BUSINESS, "company.headcount": 600}, "nurture"),
        ("prospect", {**_BUSINESS, "company.headcount": 250}, "warm"),
        ("demo_request", {**_BUSINESS, "person.seniority": "student"}, "nurture"),
        ("demo_request", {**_BUSINESS, "company.domain": "rival.example"}, "nurture"),
    ],
)
def test_the_example_sorts_leads_as_a_team_would(
    kind: str, facts: dict[str, object], tier: str
) -> None:
    touch = Touch(UUID(int=1), KindName(kind), _NOW, _NOW)
    assert score(parse({"scoring.yaml": _TEXT}), facts, [touch], _NOW).tier == tier


def test_free_mail_lowers_fit_and_nothing_else() -> None:
    model = parse({"scoring.yaml": _TEXT})
    touch = Touch(UUID(int=1), KindName.WEBINAR, _NOW, _NOW)
    free = score(model, {"email.class": "free"}, [touch], _NOW).score
    unknown = score(model, {}, [touch], _NOW).score
    assert (free.fit - unknown.fit, free.intent - unknown.intent) == (-10_00, 0)


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("person.seniority: manager", "person.senority: manager", "did you mean person.seniority"),
        ("{company.headcount: {gte: 500}}", "{company.headcount: many}", "is a number"),
        ("band: high\n", "band: hihg\n", "hot.band: there is no band 'hihg'; did you mean high"),
        ("name: high, min: 40", "name: high, min: 10", "bands.fit.1.min: must be below 10"),
        ("- id: role_address", "- id: business_email", "there are two rules 'business_email'"),
        ("    contact: {cap: 15}", "    contcat: {cap: 15}", "did you mean contact"),
        ("  low: {high: warm, medium: nurture,", "  low: {high: warm,", "'medium' is missing"),
        ("kinds: [webinar, event]", "kinds: [webinars]", "intent.rules.4.kinds"),
        ("points: 80", "points: 80.5", "points"),
        ("half_life_days: 30", "half_life_day: 30", "did you mean half_life_days"),
        ("activities: [page_view]", "activities: [page_views]", "intent.rules.9.activities"),
        ("kinds: [other]", "pages: [pricing]", "kinds or activities must say what earns"),
        ("kinds: [other]", "kinds: [other]\n      pages: [pricing]", "pages and actor are about"),
        ("signal: traffic", "signal: funding", "signals.6.signal: the signal 'funding' is defined"),
        ("id: signal_traffic", "id: signal_funding", "there are two signals 'signal_funding'"),
        ("tell: [owner, manager]", "tell: [boss]", "signals.1.tell"),
        ("per_day: 60", "per_day: 0", "outbound.drips.0.per_day"),
        ("time_zone: Europe/Berlin", "time_zone: Europe/Berln", "outbound.drips.0.time_zone"),
        ("between: [20, 5000]", "between: [lots]", "outbound.icp.all.0.any.0.company.headcount"),
        ("  drips:\n", "  drips:\n    - {pool: all, per_day: 1}\n", "outbound.drips.0: takes"),
    ],
)
def test_a_fault_is_named_with_its_line_and_path(good: str, bad: str, told: str) -> None:
    assert good in _TEXT
    with pytest.raises(ConfigError) as raised:
        parse({"scoring.yaml": _TEXT.replace(good, bad, 1)})
    text = str(raised.value)
    assert told in text, text
    assert text.startswith("scoring.yaml:")


def test_score_itself_is_no_field_of_a_scoring_rule() -> None:
    text = _TEXT.replace("person.seniority: manager", "score.fit: {gte: 1}")
    with pytest.raises(ConfigError, match=r"unknown field score\.fit"):
        parse({"scoring.yaml": text})
