"""A reading of a CRM sees everything once at least, through pages, windows and faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.config import HubSpotSink, SalesforceSink
from services.delivery.crm.model import Account, Changed, Halted, Owner, Stream
from services.delivery.crm.reader import Reader
from services.delivery.crm.windows import WINDOW, Place, following
from services.delivery.sinks.registry import Registry
from tests.support import hubspot, salesforce
from tests.support.crms import Org, Portal

SECRETS = {"HUBSPOT": [b"pat-token"], "SALESFORCE": [b"client-secret"], "WRONG": [b"wrong"]}
HERE = ("127.0.0.1/32",)
START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    made = Registry(SECRETS, lambda: START)
    yield made
    await made.close()


def of_hubspot(registry: Registry, portal: Portal, token: str = "HUBSPOT") -> Reader:
    config = HubSpotSink(type="hubspot", token=token, base_url=portal.url, allow_networks=HERE)
    return registry.reader(config)


def of_salesforce(registry: Registry, org: Org, secret: str = "SALESFORCE") -> Reader:
    config = SalesforceSink(
        type="salesforce", instance_url=org.url, client_id="app", client_secret=secret,
        allow_networks=HERE,
    )  # fmt: skip
    return registry.reader(config)


async def everything(
    reader: Reader, stream: Stream, since: datetime | None = None, most: int = 50
) -> list[Any]:
    found: list[Any] = []
    page = None
    for _ in range(most):
        read = await reader.page(stream, since, page)
        found += read.items
        page = read.next
        if page is None:
            return found
    raise AssertionError("it does not end")


# -- HubSpot ----------------------------------------------------------------------------------
async def test_hubspot_says_all_its_owners_and_companies_page_by_page(
    registry: Registry, portal: Portal
) -> None:
    for n in range(130):
        portal.owner(str(700 + n), f"o{n}@x.example", f"Otto {n}")
    for n in range(230):
        portal.company(str(n + 1), name=f"Company {n}", domain=f"c{n}.example")
    portal.archived = {"9001": START}
    reader = of_hubspot(registry, portal)
    owners = await everything(reader, Stream.OWNERS)
    assert len({one.owner_id for one in owners}) == 130
    accounts = await everything(reader, Stream.ACCOUNTS)
    assert {one.account_id for one in accounts if not one.deleted} == set(portal.companies)
    assert [one.account_id for one in accounts if one.deleted] == ["9001"]


async def test_hubspot_a_company_is_read_as_it_stands_there(
    registry: Registry, portal: Portal
) -> None:
    portal.company(
        "1", name="Acme GmbH", domain="acme.example", hs_additional_domains="acme.test;acme.dev",
        country="Germany", zip="10117", hubspot_owner_id="711", lifecyclestage="customer",
        num_associated_contacts="12", hs_num_open_deals="0", createdate="2023-04-01T10:00:00.000Z",
    )  # fmt: skip
    portal.company("2", name="Bolt")
    acme, bolt = await everything(of_hubspot(registry, portal), Stream.ACCOUNTS)
    assert acme == Account(
        "1", portal.now - timedelta(seconds=1), False, "Acme GmbH",
        ("acme.example", "acme.test", "acme.dev"), "Germany", "10117", "711", True, False, 12,
        datetime(2023, 4, 1, tzinfo=UTC).date(),
    )  # fmt: skip
    assert (bolt.owner_id, bolt.customer, bolt.open_opportunity) == ("", None, None)


@pytest.mark.parametrize("together", [False, True], ids=["spread", "one moment"])
async def test_hubspot_what_changed_is_seen_behind_the_window_of_a_search(
    registry: Registry, portal: Portal, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    """The real window is of 10,000; the rule does not know its size."""
    monkeypatch.setattr("services.delivery.crm.windows.WINDOW", 300)
    monkeypatch.setattr(hubspot, "WINDOW", 300)
    for n in range(750):
        at = START + timedelta(seconds=1 if together and n < 500 else n)
        portal.company(str(n + 1), at, name=f"Company {n}")
    found = await everything(of_hubspot(registry, portal), Stream.ACCOUNTS, START)
    assert {one.account_id for one in found} == set(portal.companies)


async def test_hubspot_only_what_changed_since_is_asked_for(
    registry: Registry, portal: Portal
) -> None:
    portal.give("dana@acme.example", "711")
    portal.give("erin@acme.example", "712")
    reader = of_hubspot(registry, portal)
    [erin] = await everything(reader, Stream.CHANGES, portal.now)
    assert erin == Changed("102", "712", portal.now)
    assert len(await everything(reader, Stream.CHANGES, START)) == 2


async def test_hubspot_who_changed_an_owner_is_said_past_the_index(
    registry: Registry, portal: Portal
) -> None:
    portal.give("dana@acme.example", "711")
    portal.indexed = {"dana@acme.example": dict(portal.contacts["dana@acme.example"])}
    portal.give("dana@acme.example", "712", user="55")
    reader = of_hubspot(registry, portal)
    [late] = await everything(reader, Stream.CHANGES, START)
    assert late.owner_id == "711"
    assert await reader.confirmed([late]) == [Changed("101", "712", portal.now, "55")]


async def test_hubspot_more_than_a_call_takes_are_confirmed_in_several(
    registry: Registry, portal: Portal
) -> None:
    for n in range(120):
        portal.give(f"p{n}@acme.example", "711", user="55")
    asked = [Changed(portal.id_of(f"p{n}@acme.example"), "700", START) for n in range(120)]
    confirmed = await of_hubspot(registry, portal).confirmed(asked)
    assert {one.owner_id for one in confirmed} == {"711"}
    assert len(confirmed) == 120


# -- Salesforce -------------------------------------------------------------------------------
async def test_salesforce_accounts_are_read_over_pages_and_locators_deleted_ones_too(
    registry: Registry, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.delivery.crm.salesforce._MOST", 100)
    org.piece = 40
    at = org.tick()
    for n in range(250):
        # An import bears one and the same time.
        org.account(f"001{n:015d}", at if n < 150 else None, Name=f"Account {n}")
    org.accounts[f"001{3:015d}"]["IsDeleted"] = True
    found = await everything(of_salesforce(registry, org), Stream.ACCOUNTS)
    assert [one.account_id for one in found] == [f"001{n:015d}" for n in range(250)]
    assert [one.account_id for one in found if one.deleted] == [f"001{3:015d}"]


async def test_salesforce_an_account_is_read_as_it_stands_there(
    registry: Registry, org: Org
) -> None:
    org.account(
        "001A", Name="Acme GmbH", Website="https://www.acme.example/de", BillingCountry="Germany",
        BillingPostalCode="10117", OwnerId="005A", Type="Customer - Direct",
    )  # fmt: skip
    [acme] = await everything(of_salesforce(registry, org), Stream.ACCOUNTS)
    assert (acme.name, acme.domains) == ("Acme GmbH", ("https://www.acme.example/de",))
    assert (acme.owner_id, acme.customer, acme.open_opportunity) == ("005A", True, None)
    assert acme.changed_at == org.now


async def test_salesforce_a_locator_that_has_expired_only_costs_its_page(
    registry: Registry, org: Org
) -> None:
    org.piece = 2
    for n in range(5):
        org.user(f"005{n}", f"u{n}@x.example")
    org.expires = 1
    reader = of_salesforce(registry, org)
    with pytest.raises(Halted) as halted:
        await reader.page(Stream.OWNERS, None, None)
    assert (halted.value.reason, halted.value.for_good) == ("invalid_query_locator", False)
    found = await everything(reader, Stream.OWNERS)
    assert [one.owner_id for one in found] == [f"005{n}" for n in range(5)]
    assert isinstance(found[0], Owner)


async def test_salesforce_leads_say_who_gave_them_away(registry: Registry, org: Org) -> None:
    id_ = org.put("o'neil@acme.example", "005B")
    org.put("gone@acme.example", "005B", IsConverted=True)
    org.give("o'neil@acme.example", "005A", "005Z")
    reader = of_salesforce(registry, org)
    [changed] = await everything(reader, Stream.CHANGES, START)
    assert changed == Changed(id_, "005A", org.now, "005Z")
    assert list(await reader.confirmed([changed])) == [changed]


# -- both -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "reason", "after", "for_good"),
    [
        (JSONResponse({}, 429, {"retry-after": "7"}), "status_429", 7.0, False),
        (JSONResponse({}, 502), "status_502", None, False),
        (JSONResponse({"category": "MISSING_SCOPES"}, 403), "status_403", None, True),
    ],
    ids=["429", "502", "no right"],
)
@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
async def test_a_reading_halts_as_the_crm_says(
    registry: Registry, portal: Portal, org: Org, kind: str,
    answer: JSONResponse, reason: str, after: float | None, for_good: bool,
) -> None:  # fmt: skip
    crm: Portal | Org = portal if kind == "hubspot" else org
    reader = of_hubspot(registry, portal) if kind == "hubspot" else of_salesforce(registry, org)
    if kind == "salesforce":
        await reader.page(Stream.OWNERS, None, None)  # the session is open
    crm.fails = [answer]
    with pytest.raises(Halted) as halted:
        await reader.page(Stream.ACCOUNTS, None, None)
    found = halted.value
    assert (found.reason, found.after_s, found.for_good) == (reason, after, for_good)


async def test_a_session_that_ends_in_the_middle_is_opened_again(
    registry: Registry, org: Org
) -> None:
    reader = of_salesforce(registry, org)
    await reader.page(Stream.OWNERS, None, None)
    org.sessions = set()
    await reader.page(Stream.OWNERS, None, None)
    assert org.logins == 2
    assert salesforce.DATA in org.calls[-1]


@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
async def test_a_wrong_key_halts_for_good(
    registry: Registry, portal: Portal, org: Org, kind: str
) -> None:
    reader = (
        of_hubspot(registry, portal, "WRONG")
        if kind == "hubspot"
        else of_salesforce(registry, org, "WRONG")
    )
    with pytest.raises(Halted) as halted:
        await reader.page(Stream.OWNERS, None, None)
    assert halted.value.for_good


# -- the rule of windows ------------------------------------------------------------------------
@given(
    times=st.lists(st.integers(0, 30), max_size=400),
    most=st.integers(1, 40),
    windows=st.integers(2, 5),
)
def test_every_change_is_seen_however_times_fall_together(
    times: list[int], most: int, windows: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        window = most * windows
        patched.setattr("services.delivery.crm.windows.WINDOW", window)
        there = [(time, id_) for id_, time in enumerate(times, 1)]
        seen: set[int] = set()
        at: Place | None = Place(0)
        for _ in range(3 * len(there) + 40):
            if at is None:
                break
            assert at.after + most <= window, "nothing behind the window is asked for"
            here = at
            found = (
                sorted(one for one in there if one[0] >= here.since)[here.after :]
                if here.above is None
                else sorted(
                    one for one in there if one[0] == here.since and one[1] > (here.above or 0)
                )
            )
            page = found[:most]
            seen |= {id_ for _, id_ in page}
            at = following(Place.read(here.text()), page, len(found) > most, most)
        assert at is None, "it ends"
        assert seen == set(range(1, len(times) + 1))


def test_the_window_is_hubspots() -> None:
    assert WINDOW == 10_000
