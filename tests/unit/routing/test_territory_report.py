"""What a territory table leaves and says twice: against every lead of a small world."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.review.gaps import Gaps, gaps
from services.routing.review.landing import Landing
from services.routing.review.overlaps import Kind, overlaps
from services.routing.review.territory_report import report, words
from services.routing.territories import Row, Table, table_of

HEADER = "territory,pool,account,country,region,postal_from,postal_to,industry,employees_from,employees_to\n"  # noqa: E501

codes = st.integers(0, 9).map(lambda n: f"{n:02}")
counts = st.integers(1, 6).map(float)
rows = st.lists(
    st.builds(
        Row,
        line=st.just(0),
        territory=st.just("t"),
        pool=st.sampled_from(["desk", "other"]),
        account=st.none(),
        country=st.sampled_from([None, "DE", "FR"]),
        region=st.sampled_from([None, None, "BY"]),
        industry=st.sampled_from([None, None, "banking"]),
        postal=st.none() | st.tuples(codes, codes).map(lambda pair: (min(pair), max(pair))),
        employees=st.none() | st.tuples(counts, counts).map(lambda pair: (min(pair), max(pair))),
    ),
    max_size=7,
)
LEADS = [
    {
        "company.country": country,
        **({"place.region": region} if region else {}),
        **({"company.industry": industry} if industry else {}),
        "place.postal_code": f"{code:02}",
        "company.headcount": count,
    }
    for country, (region, industry), code, count in product(
        ("DE", "FR", "US"), ((None, None), ("BY", None), (None, "Banking")), range(11), range(1, 8)
    )
]


def table(found: list[Row]) -> Table:
    numbered = [
        Row(at + 1, row.territory, row.pool, row.account, row.country, row.region, row.industry,
            row.postal, row.employees)
        for at, row in enumerate(found)
    ]  # fmt: skip
    return Table("t", numbered)


@given(rows)
@settings(max_examples=60, deadline=None)
def test_a_lead_falls_into_a_gap_where_no_row_fits_it(found: list[Row]) -> None:
    tried = table(found)
    known = Gaps(tried)
    for lead in LEADS:
        gap = known.of(lead)
        assert (gap is None) is bool(tried.fitting(lead)), (lead, gap)


@given(rows)
@settings(max_examples=60, deadline=None)
def test_rows_that_fit_one_lead_overlap_and_what_is_hidden_never_counts(found: list[Row]) -> None:
    tried = table(found)
    pairs = {(one.wins.line, one.loses.line): one for one in overlaps(tried)}
    never = {one.loses.line for one in pairs.values() if one.kind in (Kind.SAME, Kind.HIDDEN)}
    for lead in LEADS:
        fits = tried.fitting(lead)
        assert not {row.line for row in fits[:1]} & never
        assert all((fits[0].line, other.line) in pairs for other in fits[1:])


FIELD = f"""{HEADER}\
acme,desk,acme.com,,,,,,,
berlin,desk,,DE,,10115,14199,,,
north,other,,DE,,14000,16999,,,
large,desk,,DE,,,,,1000,
inner,desk,,DE,,12000,12999,,,
london,desk,,GB,,SW1,SW9,,,
rest,desk,,FR,,,,,,
again,other,,FR,,,,,,
"""


def test_gaps_are_told_by_country_code_and_size() -> None:
    assert [words(gap.described()) for gap in gaps(table_of("t", FIELD))] == [
        "DE, codes before 10115, 1 to 999 employees",
        "DE, codes from 17000, 1 to 999 employees",
        "GB, codes before SW1",
        "GB, codes from SWA",
        "every other country",
    ]


@pytest.mark.parametrize(
    ("kind", "wins", "loses"),
    [
        (Kind.SAME, "rest", "again"),
        (Kind.HIDDEN, "berlin", "inner"),
        (Kind.CROSSING, "berlin", "north"),
        (Kind.CROSSING, "inner", "large"),
    ],
)
def test_two_rows_and_which_one_counts(kind: Kind, wins: str, loses: str) -> None:
    found = {
        (one.wins.territory, one.loses.territory): one for one in overlaps(table_of("t", FIELD))
    }
    assert found[wins, loses].kind is kind


def test_an_exception_for_an_account_overlaps_nothing() -> None:
    named = [one for one in overlaps(table_of("t", FIELD)) if one.wins.account is not None]
    assert named == []


def test_recorded_leads_are_counted_where_they_fell() -> None:
    tried = table_of("t", FIELD)
    landing = Landing(tried, Gaps(tried))
    for code in ("14100", "14100", "20000"):
        lead = {"company.country": "DE", "place.postal_code": code, "company.headcount": 5}
        landing.take(lead, "desk")
    landing.take({"company.country": "DE"}, "rest")  # neither code nor size is known
    made = report(tried, lambda line: ("t.csv", line), 100, landing)
    assert made["leads"] == 4
    assert made["leads_nowhere"] == 2
    by_gap = {words(gap): gap["leads"] for gap in made["gaps"] if gap["leads"]}
    assert by_gap == {"DE, codes from 17000, 1 to 999 employees": 1}
    crossing = [one for one in made["overlaps"] if one["leads"]]
    assert [(one["wins"]["line"], one["loses"]["line"], one["leads"]) for one in crossing] == [
        (3, 4, 2)
    ]
    assert {"country": "DE", "region": None, "postal": None, "employees": None,
            "went_to": "rest", "leads": 1} in made["nowhere"]  # fmt: skip
