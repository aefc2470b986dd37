"""Territory tables: the index finds what a scan would find."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.config import parse
from services.routing.plan import Plan
from services.routing.territories import Row, Table, TableFault, row_of, table_of
from services.runtime.configfile import ConfigError
from tests.integration.routing.leads import files

HEADER = "territory,pool,account,country,region,postal_from,postal_to,industry,employees_from,employees_to\n"  # noqa: E501
TEXT = f"""{HEADER}\
dach,desk,,DE,,,,,,
berlin,desk,,DE,,10115,14199,,,
bavaria,desk,,DE,BY,,,,,
large,desk,,DE,,,,,1000,
banks,desk,,,,,,Banking,,
acme,nurture,www.acme.com,,,,,,,
london,desk,,UK,,SW1,SW1,,,
rest,desk,,,,,,,,
"""


def found(**facts: object) -> str | None:
    names = {name.replace("__", "."): value for name, value in facts.items()}
    hit = table_of("t", TEXT).find(names)
    return hit.row.territory if hit is not None else None


@pytest.mark.parametrize(
    ("facts", "territory"),
    [
        ({"company__country": "DE"}, "dach"),
        ({"country__resolved": "DE", "place__postal_code": "10999"}, "berlin"),
        ({"company__country": "DE", "place__postal_code": "80331"}, "dach"),
        ({"company__country": "DE", "place__region": "BY", "company__headcount": 5000}, "bavaria"),
        ({"company__country": "DE", "company__headcount": 1000}, "large"),
        ({"company__country": "DE", "company__headcount": 999}, "dach"),
        ({"company__country": "DE", "company__industry": "banking"}, "banks"),
        ({"company__domain": "acme.com", "company__country": "DE"}, "acme"),
        ({"company__country": "GB", "place__postal_code": "SW1A1AA"}, "london"),
        ({"company__country": "GB", "place__postal_code": "SW20AA"}, "rest"),
        ({}, "rest"),
    ],
)
def test_the_most_specific_row_counts(facts: dict[str, object], territory: str) -> None:
    assert found(**facts) == territory


def test_a_hit_says_by_what() -> None:
    hit = table_of("t", TEXT).find({"company.country": "DE", "company.headcount": 2000})
    assert hit is not None
    assert hit.described() == {
        "table": "t",
        "line": 5,
        "territory": "large",
        "by": {"country": "DE", "employees": [1000.0, None]},
    }


# -- against a scan -----------------------------------------------------------------------------
maybe = st.sampled_from([None, "DE", "FR"])
region = st.sampled_from([None, "BY", "BE"])
industry = st.sampled_from([None, "banking"])
account = st.sampled_from([None, None, None, "acme.com"])
codes = st.integers(0, 40).map(lambda n: f"{n:02}")
postal = st.none() | st.tuples(codes, codes).map(lambda pair: (min(pair), max(pair)))
counts = st.integers(0, 9).map(float)
employees = st.none() | st.tuples(counts, counts).map(lambda pair: (min(pair), max(pair)))
rows = st.lists(
    st.builds(
        Row,
        line=st.just(0),
        territory=st.just("t"),
        pool=st.just("desk"),
        account=account,
        country=maybe,
        region=region,
        industry=industry,
        postal=postal,
        employees=employees,
    ),
    max_size=25,
)
leads = st.fixed_dictionaries(
    {},
    optional={
        "company.country": st.sampled_from(["DE", "FR"]),
        "place.region": st.sampled_from(["BY", "BE"]),
        "company.industry": st.just("banking"),
        "company.domain": st.just("acme.com"),
        "place.postal_code": codes,
        "company.headcount": st.integers(0, 9),
    },
)


def fits(row: Row, facts: dict[str, object]) -> bool:
    same = (
        (row.account, "company.domain"),
        (row.country, "company.country"),
        (row.region, "place.region"),
        (row.industry, "company.industry"),
    )
    if any(asked is not None and facts.get(name) != asked for asked, name in same):
        return False
    code, count = facts.get("place.postal_code"), facts.get("company.headcount")
    if row.postal is not None and not (code and row.postal[0] <= str(code) <= row.postal[1]):
        return False
    band = row.employees
    return band is None or (count is not None and band[0] <= count <= band[1])  # type: ignore[operator]


@settings(max_examples=300)
@given(rows, leads)
def test_the_index_finds_what_a_scan_finds(table: list[Row], facts: dict[str, object]) -> None:
    numbered = [Row(**{**_values(row), "line": at}) for at, row in enumerate(table)]
    fitting = [row for row in numbered if fits(row, facts)]
    wanted = min(fitting, key=lambda row: row.rank, default=None)
    hit = Table("t", numbered).find(facts)
    assert (hit.row if hit is not None else None) == wanted


def _values(row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in Row.__slots__}


# -- as files -----------------------------------------------------------------------------------
RULE = "  - {id: field, when: {tier: hot}, territory: sales}"


def configured(table: str, csv: str | None = None) -> Plan:
    found = files(rules=RULE) | {"territories.yaml": f"tables:\n  sales: {table}\n"}
    return parse(found if csv is None else found | {"sales.csv": csv})


def test_a_table_may_stand_in_yaml_or_in_csv() -> None:
    facts = {"tier": "hot", "company.country": "DE", "place.postal_code": "10999"}
    inline = "{rows: [{territory: berlin, pool: desk, country: DE, postal_from: 10115, postal_to: 14199}]}"  # noqa: E501
    for plan in (configured(inline), configured("{file: sales.csv}", TEXT)):
        target = plan.first_role.target_of(facts)
        assert (target.rule, target.pool) == ("field", "desk")
        assert target.hit is not None
        assert target.hit["territory"] == "berlin"


def test_where_no_row_fits_the_next_rule_is_asked() -> None:
    plan = configured("{rows: [{territory: dach, pool: desk, country: DE}]}")
    assert plan.first_role.target_of({"tier": "hot", "company.country": "FR"}).rule == "catch-all"


@pytest.mark.parametrize(
    ("table", "csv", "said"),
    [
        ("{file: sales.csv}", None, "territories.yaml:2 tables.sales.file: sales.csv is missing"),
        ("{}", None, "a table has either a file or rows"),
        ("{rows: [{territory: x, pool: desc}]}", None, "unknown pool desc; did you mean desk?"),
        ("{rows: [{territory: x, pool: desk, land: DE}]}", None, "unknown column"),
        ("{file: sales.csv}", HEADER + "a,desk,,Germany,,,,,,", "sales.csv:2 country"),
        ("{file: sales.csv}", HEADER + "a,desk,,,,9,1,,,", "sales.csv:2 postal_to"),
        ("{file: sales.csv}", HEADER + "a,desk,,,,,,,many,", "is no number"),
        ("{file: sales.csv}", HEADER + "a,nobody,,,,,,,,", "sales.csv:2 pool: unknown pool"),
        ("{file: sales.csv}", "territory,pool,plz\n", "sales.csv:1 plz: unknown column"),
    ],
)
def test_a_fault_names_file_line_and_column(table: str, csv: str | None, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(table, csv)
    assert said in str(caught.value)


def test_a_rule_may_not_name_an_unknown_table() -> None:
    with pytest.raises(ConfigError, match=r"there is no table sales"):
        parse(files(rules=RULE))


def test_rows_that_ask_the_same_go_by_the_first() -> None:
    first, _ = row_of({"territory": "one", "pool": "desk"}, 1)
    second, _ = row_of({"territory": "two", "pool": "desk"}, 2)
    hit = Table("t", [first, second]).find({})
    assert hit is not None
    assert hit.row.territory == "one"


def test_every_fault_of_a_file_is_told() -> None:
    with pytest.raises(TableFault) as caught:
        table_of("t", HEADER + ",desk,,XX,,,,,,\na,,,,,,,,,\n")
    assert [(line, column) for line, column, _ in caught.value.faults] == [
        (2, "country"),
        (2, "territory"),
        (3, "pool"),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('a,"desk,,DE,,,,,,', "never closed"),
        ("a,desk,,DE,,,,banks, insurers,,9", "cells for"),
        ("a,desk,,DE,,,," + "x" * 200_000 + ",,", "no CSV"),
    ],
)
def test_a_record_that_is_no_csv_is_a_fault_with_its_line(line: str, why: str) -> None:
    with pytest.raises(TableFault) as caught:
        table_of("t", HEADER + "all,desk,,,,,,,,\n" + line + "\n")
    (fault,) = caught.value.faults
    assert fault[0] == 3
    assert why in fault[2]
