"""The company's own table: which column is what, what a row says, what is wrong with it."""

from __future__ import annotations

import io

import pytest

from services.enrichment.table import (
    Company,
    RowFault,
    TableError,
    columns,
    company,
    reader,
)

_CSV = """Company,Website,# Employees,Country,Tech stack
Acme GmbH,https://www.acme.example/about,"1,001-5,000",Germany,"Salesforce; HubSpot"
"""


def _read(text: str, **chosen: str) -> list[Company | RowFault]:
    header, rows = reader(io.StringIO(text))
    where = columns(header, chosen)
    found: list[Company | RowFault] = []
    for line, row in rows:
        one, faults = company(line, row, where)
        found += faults
        if one is not None:
            found.append(one)
    return found


def test_columns_are_known_by_their_usual_names() -> None:
    (found,) = _read(_CSV, headcount="# Employees")
    assert found == Company(
        "acme.example",
        {
            "company": "Acme GmbH",
            "headcount": 1001,
            "company_country": "DE",
            "technologies": ["salesforce", "hubspot"],
        },
    )


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_the_mark_between_values_is_seen(mark: str) -> None:
    text = f"domain{mark}headcount\nacme.example{mark}50\n"
    assert _read(text) == [Company("acme.example", {"headcount": 50})]


def test_a_wrong_value_costs_itself_and_a_row_without_a_domain_the_row() -> None:
    text = (
        "domain,headcount,industry\nacme.example,many,Software\n,5,x\ngmail.com,5,x\na.example,,\n"
    )
    assert _read(text) == [
        RowFault(2, "headcount is not a whole number", dropped=False),
        Company("acme.example", {"industry": "Software"}),
        RowFault(3, "no company's domain", dropped=True),
        RowFault(4, "no company's domain", dropped=True),
        RowFault(5, "nothing is said of the company", dropped=True),
    ]


def test_short_rows_and_a_byte_order_mark_do_no_harm() -> None:
    assert _read("\ufeffdomain,headcount,industry\nacme.example,5\n\n") == [
        Company("acme.example", {"headcount": 5})
    ]


@pytest.mark.parametrize(
    ("text", "chosen", "told"),
    [
        ("", {}, "empty"),
        ("name,employees\nAcme,5\n", {}, "no column is a domain"),
        ("domain,x\na.example,5\n", {"headcont": "x"}, "headcont is no field"),
        ("domain,x\na.example,5\n", {"headcount": "y"}, "no column 'y'"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(text: str, chosen: dict[str, str], told: str) -> None:
    with pytest.raises(TableError, match=told):
        _read(text, **chosen)
