"""What may stand in enrichment.yaml, and who is asked for what because of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.base import KindName, Lane, Provenance
from services.enrichment.config import (
    EnrichmentConfig,
    EnrichmentFile,
    missing_secrets,
    parse,
    resolve,
)
from services.enrichment.plan import missing, questions, unaskable
from services.runtime.configfile import ConfigError

_TEXT = (Path(__file__).parents[3] / "deploy/config/enrichment.yaml").read_text("utf-8")
_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def _enabled() -> str:
    off = "firmographics:\n    enabled: false"
    return _TEXT.replace(off, off.replace("false", "true"))


def test_the_example_waits_for_nobody() -> None:
    config = parse({"enrichment.yaml": _TEXT})
    assert config.wanted == {}
    assert missing(config, {}, _NOW) == frozenset()


def test_without_the_file_nothing_is_bought() -> None:
    assert parse({}).providers == {}


def test_the_example_works_once_it_is_switched_on_and_has_its_secret() -> None:
    config = parse({"enrichment.yaml": _enabled()})
    assert missing(config, {}, _NOW) == {"headcount", "industry", "company_country"}
    assert missing_secrets(config, frozenset({"FIRMOGRAPHICS"})) == []
    ((path, message),) = missing_secrets(config, frozenset())
    assert path == "providers.firmographics.secret"
    assert "HANDRAISE_SECRET_FIRMOGRAPHICS" in message
    assert config.budgets.of(Lane.LIVE, KindName.DEMO_REQUEST) == 0.8
    assert config.budgets.of(Lane.LIVE, KindName.NEWSLETTER) == 2.0


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("?domain={domain}", "?domain={domian}", "{domian} is not one of"),
        ("https://api.firmographics.example", "http://api.firmographics.example", "https://"),
        ("https://api.firmographics.example", "https://{domain}", "the host must be fixed"),
        ("headcount: /company/headcount", "headcount: company.headcount", "no JSON pointer"),
        ("headcount: /company/headcount", "headcont: /company/headcount", "headcount"),
        ("firmographics, apollo", "firmographic, apollo", "no provider"),
        ("waterfall: [geo_file, ipinfo]", "waterfall: [geo_file, hunter]", "does not answer it"),
        ("type: hunter,", "type: huntr,", "type must be http, hunter"),
        ("prices: {person: 0.02", "prices: {human: 0.02", "there is no endpoint 'human'"),
        ("min_likelihood: 6", "min_likelihood: 60", "10"),
        ("type: ipinfo, secret: IPINFO,", "type: ipinfo,", "secret"),
        ("    secret: FIRMOGRAPHICS\n", "", "need each other"),
        ("default: 800", "default: 800000", "60000"),
        ("timeout_ms: 2000", "timeout: 2000", "did you mean timeout_ms"),
    ],
)
def test_a_fault_is_named_with_its_line(good: str, bad: str, told: str) -> None:
    assert good in _TEXT
    with pytest.raises(ConfigError) as raised:
        parse({"enrichment.yaml": _TEXT.replace(good, bad, 1)})
    assert told in str(raised.value), str(raised.value)
    assert str(raised.value).startswith("enrichment.yaml:")


def test_every_provider_of_the_example_can_be_switched_on() -> None:
    config = parse({"enrichment.yaml": _TEXT.replace("enabled: false", "enabled: true")})
    assert len(config.wanted) == 15
    named = {path.split(".")[1] for path, _ in missing_secrets(config, frozenset())}
    assert named == set(config.providers) - {"geo_file", "mail_servers"}
    (first, *_) = questions(config, frozenset({"headcount"}), _ABOUT, frozenset())
    assert first.place == "hunter/company"


def _waterfall(**keep: int) -> EnrichmentConfig:
    def provider(url: str, *fields: str) -> dict[str, Any]:
        return {"url": url, "answer": {name: f"/{name}" for name in fields}, **keep}

    return resolve(
        EnrichmentFile.model_validate(
            {
                "fields": {
                    "headcount": {"waterfall": ["first", "second"]},
                    "industry": {"waterfall": ["second"]},
                    "seniority": {"waterfall": ["people"]},
                },
                "providers": {
                    "first": provider("https://a.example/{domain}", "headcount"),
                    "second": provider("https://b.example/{domain}", "headcount", "industry"),
                    "people": provider("https://c.example/{first_name}/{email}", "seniority"),
                },
            }
        )
    )


_ALL = frozenset({"headcount", "industry", "seniority"})
_ABOUT = {"domain": "acme.example", "email": "a@acme.example"}


def _asked(wanted: frozenset[str], *asked: str, **about: str) -> list[str]:
    found = questions(_waterfall(), wanted, {**_ABOUT, **about}, frozenset(asked))
    return sorted(question.provider for question in found)


def test_each_field_asks_its_first_provider_and_a_shared_one_is_asked_once() -> None:
    assert _asked(_ALL) == ["first", "second"]
    assert _asked(frozenset({"headcount"})) == ["first"]


def test_the_next_in_line_is_asked_only_after_the_first() -> None:
    assert _asked(frozenset({"headcount"}), "first/answer") == ["second"]
    assert _asked(frozenset({"headcount"}), "first/answer", "second/answer") == []


def test_who_cannot_be_asked_is_known() -> None:
    assert unaskable(_waterfall(), _ALL, _ABOUT) == {("people", "answer")}
    assert unaskable(_waterfall(), _ALL, {**_ABOUT, "first_name": "Ana"}) == frozenset()


def test_nobody_is_asked_about_what_is_not_known() -> None:
    assert _asked(frozenset({"seniority"})) == []
    assert _asked(frozenset({"seniority"}), first_name="Ana") == ["people"]


def test_what_is_held_and_fresh_is_not_bought_again() -> None:
    config = _waterfall(keep_days=30)

    def bought(days: int) -> dict[str, Provenance]:
        at = _NOW - timedelta(days=days)
        return {"headcount": Provenance(value=5, source="provider:first", at=at)}

    assert "headcount" not in missing(config, bought(29), _NOW)
    assert "headcount" in missing(config, bought(31), _NOW)


def test_a_question_is_kept_as_a_hash() -> None:
    (question,) = questions(_waterfall(), frozenset({"headcount"}), _ABOUT, frozenset())
    assert "acme" not in question.key
    assert len(question.key) == 64
