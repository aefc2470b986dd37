"""Which account a lead belongs to, and why it is none of the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.kernel.company_names import clean_name
from services.routing.companies import Company, Level
from services.routing.matching import (
    Filter,
    MatchPolicy,
    Probe,
    Support,
    TieBreaker,
    company_domain,
    match,
)

ACME = Company("acme", "Acme Industries GmbH", ("acme.de", "acme.com"), country="DE")
POLICY = MatchPolicy()


def chosen(probe: Probe, *candidates: Company, policy: MatchPolicy = POLICY) -> str | None:
    found = match(probe, candidates, policy, lambda owner: owner == "ana").company
    return found.company_id if found is not None else None


def lost(probe: Probe, *candidates: Company, policy: MatchPolicy = POLICY) -> dict[str, str | None]:
    record = match(probe, candidates, policy, lambda owner: owner == "ana").record
    return {one["id"]: one["lost"] for one in record["candidates"]}


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("Acme Industries GmbH", "acme industries"),
        ("ACME INDUSTRIES, Inc.", "acme industries"),
        ("The Müller & Söhne AG", "muller and sohne"),
        ("Société Générale S.A.", "societe generale"),
        ("株式会社アクメ", clean_name("株式会社アクメ")),
        ("GmbH", "gmbh"),
        ("  ", ""),
    ],
)
def test_a_name_without_its_legal_form(written: str, clean: str) -> None:
    assert clean_name(written) == clean


def test_by_any_of_its_domains() -> None:
    assert chosen(Probe(domain="acme.com"), ACME) == "acme"
    assert chosen(Probe(domain="acme.org"), ACME) is None


@pytest.mark.parametrize("domain", ["gmail.com", "mailinator.com", "github.io", "co.uk", "", None])
def test_what_anybody_can_have_is_no_companys_domain(domain: str | None) -> None:
    assert company_domain(domain) is None


def test_a_close_name_needs_support() -> None:
    near = Probe(name=clean_name("Acme Industrie"), country="DE")
    assert chosen(near, ACME) == "acme"
    assert chosen(replace(near, country="FR"), ACME) is None
    assert chosen(replace(near, country=None), ACME) is None
    assert chosen(near, ACME, policy=replace(POLICY, supported_by=(Support.POSTAL_CODE,))) is None
    assert chosen(near, ACME, policy=replace(POLICY, by_name=False)) is None


def test_a_longer_name_is_another_company() -> None:
    assert chosen(Probe(name=clean_name("Acme Industries Robotics"), country="DE"), ACME) is None


def test_the_domain_wins_over_the_name() -> None:
    namesake = Company("other", "Acme Industries", ("other.de",), country="DE")
    probe = Probe(domain="acme.de", name="acme industries", country="DE")
    assert chosen(probe, namesake, ACME) == "acme"


def test_names_that_share_no_key_are_never_compared() -> None:
    assert not ACME.keys & set(Probe(name="zenith", country="DE").keys(POLICY))
    spaced = Probe(name=clean_name("Ac me Industries"), country="DE")
    assert ACME.keys & set(spaced.keys(POLICY))


SHARED = [
    Company("deal", "Acme", ("acme.de",), open_opportunity=True),
    Company("customer", "Acme", ("acme.de",), customer=True, contacts=3),
    Company("owned", "Acme", ("acme.de",), owners={"account": "ana"}, since=date(2021, 1, 1)),
    Company("big", "Acme", ("acme.de",), contacts=9, since=date(2020, 1, 1)),
]


def test_tie_breakers_go_in_their_order_and_the_losers_are_told_why() -> None:
    probe = Probe(domain="acme.de")
    assert lost(probe, *SHARED) == {
        "deal": None,
        "customer": "tie-breaker open_opportunity",
        "owned": "tie-breaker open_opportunity",
        "big": "tie-breaker open_opportunity",
    }
    sized = replace(POLICY, tie_breakers=(TieBreaker.MOST_CONTACTS, TieBreaker.OLDEST))
    assert chosen(probe, *SHARED, policy=sized) == "big"
    assert chosen(probe, *SHARED[1:3], policy=replace(POLICY, tie_breakers=())) == "customer"


def test_filters_come_before_tie_breakers() -> None:
    policy = replace(POLICY, filters=(Filter.WITHOUT_OWNER,))
    assert lost(Probe(domain="acme.de"), *SHARED[:3], policy=policy) == {
        "owned": None,
        "deal": "filter without_owner",
        "customer": "filter without_owner",
    }


def test_the_order_of_the_candidates_decides_nothing() -> None:
    probe = Probe(domain="acme.de")
    assert lost(probe, *SHARED) == lost(probe, *reversed(SHARED))


def test_the_levels_of_an_account_and_who_stands_for_whom() -> None:
    company = replace(
        ACME, customer=True, named=True, owners={"account": "ana", "customer": "cleo"}
    )
    assert company.levels() == [
        (Level.CUSTOMER, "cleo"),
        (Level.NAMED, "ana"),
        (Level.ACCOUNT, "ana"),
    ]
