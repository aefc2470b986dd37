"""What a CRM says of a company is laid over what is known; what it does not say stays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.account import AccountChanged
from services.routing.accounts_merge import merged
from services.routing.companies import Company

KNOWN = Company(
    "001", "Acme", ("acme.example",), "DE", "10117",
    {"account": "ana", "customer": "ben"}, True, True, True, 12, date(2023, 4, 1),
)  # fmt: skip


def said(**values: Any) -> AccountChanged:
    return AccountChanged(
        account_id="001", source="crm", changed_at=datetime(2026, 11, 23, tzinfo=UTC), **values
    )


def test_what_is_not_said_stays() -> None:
    assert merged(KNOWN, said()) == KNOWN


def test_what_is_said_replaces() -> None:
    found = merged(
        KNOWN,
        said(
            name="Acme GmbH", domains=("https://www.acme.test/de", "gmail.com", "acme.example"),
            country="United Kingdom", owner="cleo@x.example", customer=False, contacts=0,
        ),
    )  # fmt: skip
    assert found is not None
    assert (found.name, found.country, found.postal_code) == ("Acme GmbH", "GB", "10117")
    assert found.domains == ("acme.test", "acme.example"), "anybody's domain is left out"
    assert found.owners == {"account": "cleo@x.example", "customer": "ben"}
    assert (found.customer, found.open_opportunity, found.contacts) == (False, True, 0)


def test_an_account_without_an_owner_keeps_those_of_its_deals() -> None:
    found = merged(KNOWN, said(owner=""))
    assert found is not None
    assert found.owners == {"customer": "ben"}


def test_a_company_without_a_name_is_none() -> None:
    assert merged(None, said(domains=("acme.example",))) is None
    found = merged(None, said(name="Acme"))
    assert found == Company("001", "Acme")


@given(
    name=st.one_of(st.none(), st.text(min_size=1, max_size=20)),
    owner=st.one_of(st.none(), st.text(max_size=20)),
    customer=st.one_of(st.none(), st.booleans()),
    country=st.one_of(st.none(), st.text(max_size=20)),
)
def test_saying_it_twice_changes_nothing_more(
    name: str | None, owner: str | None, customer: bool | None, country: str | None
) -> None:
    event = said(name=name, owner=owner, customer=customer, country=country)
    once = merged(KNOWN, event)
    assert merged(once, event) == once
