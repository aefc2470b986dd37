"""Rows that a spreadsheet opens."""

from __future__ import annotations

import csv
import io

import pytest

from services.kernel.tables import as_csv


def cell(value: object) -> str:
    [row] = csv.DictReader(io.StringIO(as_csv(["a", "b"], [{"a": value, "b": "x", "c": 1}])))
    assert set(row) == {"a", "b"}
    return row["a"]


@pytest.mark.parametrize(
    "said", ['=HYPERLINK("http://a","b")', "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1"]
)
def test_nobody_s_words_are_a_formula(said: str) -> None:
    assert cell(said) == f"'{said}"


@pytest.mark.parametrize(
    "said", ["Acme, Inc.", "+0.50", "-0.500000", "-12", "+3%", "a=b", "two\nlines", 'say "x"', ""]
)
def test_anything_else_stays_as_it_is(said: str) -> None:
    assert cell(said) == said


def test_numbers_and_nothing() -> None:
    assert (cell(-3), cell(2.5), cell(None)) == ("-3", "2.5", "")
