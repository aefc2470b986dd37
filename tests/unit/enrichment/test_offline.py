"""What is derived from a lead's own fields, and how sure it is."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from uuid import UUID

import pytest

from schemas.lead import Lead
from services.enrichment.offline import derive
from services.enrichment.offline.zones import SHARE, ZONES
from services.enrichment.plan import subject

_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
_ID = UUID(int=1)


def _derive(**fields: object) -> dict[str, object]:
    lead = Lead.model_validate({"lead_id": _ID, "account_key": str(_ID), **fields})
    return {name: fact.value for name, fact in derive(lead, _AT).items()}


def test_a_business_address_names_its_company() -> None:
    facts = _derive(email="ana@mail.acme.co.uk")
    assert facts["email_class"] == "business"
    assert facts["registrable_domain"] == "acme.co.uk"
    assert facts["email_role"] is False
    assert facts["country"] == "GB"
    assert facts["time_zone"] == "Europe/London"


def test_a_free_address_names_nobody_s_company_and_no_country() -> None:
    facts = _derive(email="ana@yahoo.co.uk")
    assert facts["email_class"] == "free"
    assert "registrable_domain" not in facts
    assert "country" not in facts


def test_a_throwaway_and_a_role_address_are_told_apart() -> None:
    assert _derive(email="x@mailinator.com")["email_class"] == "disposable"
    assert _derive(email="sales@acme.example")["email_role"] is True


@pytest.mark.parametrize(
    ("fields", "country", "evidence"),
    [
        ({"country": "FR", "phone": "+4930123456", "email": "a@firma.it"}, "FR", "form"),
        ({"phone": "+4930123456", "email": "a@firma.it"}, "DE", "derived:phone"),
        ({"email": "a@firma.it"}, "IT", "derived:tld"),
    ],
)
def test_the_best_evidence_gives_the_country(
    fields: dict[str, str], country: str, evidence: str
) -> None:
    lead = Lead.model_validate({"lead_id": _ID, "account_key": "k", **fields})
    fact = derive(lead, _AT)["country"]
    assert (fact.value, fact.source) == (country, evidence)


def test_better_evidence_is_more_confident() -> None:
    sure = [
        derive(Lead.model_validate({"lead_id": _ID, "account_key": "k", **fields}), _AT)["country"]
        for fields in ({"country": "DE"}, {"phone": "+4930123456"}, {"email": "a@firma.de"})
    ]
    assert [fact.confidence for fact in sure] == sorted(
        (fact.confidence for fact in sure), reverse=True
    )


@pytest.mark.parametrize("domain", ["startup.io", "bot.ai", "brand.co", "stream.tv", "me.me"])
def test_an_ending_that_everybody_uses_says_nothing_about_a_country(domain: str) -> None:
    assert "country" not in _derive(email=f"a@{domain}")


def test_a_country_with_several_clocks_is_less_sure_and_its_phone_prefix_helps() -> None:
    lead = Lead(lead_id=_ID, account_key="k", country="US")
    guessed = derive(lead, _AT)["time_zone"]
    assert guessed.value == "America/New_York"
    assert guessed.confidence < 0.5
    with_phone = derive(lead.model_copy(update={"phone": "+14155550143"}), _AT)["time_zone"]
    assert with_phone.value == "America/Los_Angeles"
    assert with_phone.confidence > guessed.confidence


def test_a_foreign_phone_does_not_move_the_clock() -> None:
    facts = _derive(country="US", phone="+4930123456")
    assert facts["time_zone"] == "America/New_York"
    assert facts["phone_country"] == "DE"


@pytest.mark.parametrize(
    ("fields", "domain"),
    [
        ({"company_domain": "WWW.Acme.de"}, "acme.de"),
        ({"company_domain": "https://shop.acme.co.uk/about"}, "acme.co.uk"),
        ({"company_domain": "gmail.com"}, None),
        ({"company_domain": "no such thing"}, None),
        ({"company_domain": "http://[broken"}, None),
        ({"company_domain": " "}, None),
        ({}, None),
    ],
)
def test_a_company_may_be_named_by_its_domain(fields: dict[str, str], domain: str | None) -> None:
    facts = derive(Lead(lead_id=_ID, account_key="k", fields=fields), _AT)
    found = facts.get("registrable_domain")
    assert (found.value if found else None) == domain
    assert found is None or found.source == "derived:company_domain"


def test_a_list_may_say_what_the_profile_asks_for() -> None:
    facts = _derive(
        fields={
            "Industry": "Software",
            "Tech stack": "Kafka; Python, ",
            "Latest funding": "Series B",
            "Website": "https://www.acme.de/",
            "Sector": "ignored: the first by name counts",
        }
    )
    assert facts["industry"] == "Software"
    assert facts["technologies"] == ["kafka", "python"]
    assert facts["funding_stage"] == "series_b"
    assert facts["registrable_domain"] == "acme.de"
    assert "industry" not in _derive(fields={"industry": " "})


def test_a_business_address_beats_a_named_domain_and_free_mail_is_no_companys() -> None:
    named = {"company_domain": "acme.de"}
    assert _derive(email="a@other.com", fields=named)["registrable_domain"] == "other.com"
    lead = Lead(lead_id=_ID, account_key="k", email="a@gmail.com", fields=named)
    about = subject(lead, derive(lead, _AT))
    assert about["domain"] == "acme.de"
    assert "email" not in about


def test_nothing_gives_nothing() -> None:
    assert _derive() == {}


def _zone_tab() -> dict[str, set[str]]:
    table = files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8")
    zones: dict[str, set[str]] = {}
    for line in table.splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            zones.setdefault(country, set()).add(zone)
    return zones


def test_the_table_is_that_of_the_tz_database() -> None:
    known = _zone_tab()
    assert set(ZONES) == set(known)
    assert {country: zone for country, zone in ZONES.items() if zone not in known[country]} == {}
    assert {country for country in SHARE if len(known[country]) == 1} == set()
