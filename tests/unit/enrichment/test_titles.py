"""Seniority and department against titles that were labelled by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from services.enrichment.offline.titles import classify

_LABELLED = Path(__file__).parent / "titles.csv"
PRECISION, RECALL = 0.95, 0.90
LANGUAGES = ("en", "de", "fr")


def _rows() -> list[dict[str, str]]:
    with _LABELLED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_enough_titles_are_labelled() -> None:
    rows = _rows()
    assert len(rows) >= 600
    assert len({row["title"].casefold() for row in rows}) == len(rows)
    assert {row["language"] for row in rows} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("label", ["seniority", "department"])
def test_the_rules_are_right_often_enough(label: str, language: str) -> None:
    said = right = wanted = 0
    wrong = []
    for row in _rows():
        if row["language"] != language:
            continue
        found = getattr(classify(row["title"]), label)
        value = found.value if found else ""
        said += bool(value)
        wanted += bool(row[label])
        right += bool(value) and value == row[label]
        if value != row[label]:
            wrong.append((row["title"], value, row[label]))
    assert right / said >= PRECISION, wrong
    assert right / wanted >= RECALL, wrong


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("Vertriebsleiter", "Leiter Vertrieb"),
        ("Vertriebsleiterin (m/w/d)", "Vertriebsleiter"),
        ("Softwareentwickler*in", "Software-Entwickler"),
        ("Geschaeftsfuehrerin", "Geschäftsführer"),
        ("Chargé(e) de communication", "Chargée de communication"),
        ("DIRECTRICE COMMERCIALE", "Directeur commercial"),
        ("Développeur (H/F)", "developpeuse"),
        ("DRH", "Directeur des ressources humaines"),
    ],
)
def test_forms_of_one_title_mean_the_same(one: str, same: str) -> None:
    assert classify(one) == classify(same)
    assert classify(one).seniority is not None


@pytest.mark.parametrize("title", ["", "   ", "???", "x" * 10_000, "ß" * 500, "\x00"])
def test_what_says_nothing_is_nothing(title: str) -> None:
    assert classify(title) == classify("")


def test_case_and_punctuation_do_not_matter() -> None:
    assert classify("v.p.,  SALES") == classify("VP Sales") == classify("Vice-President (Sales)")


@pytest.mark.parametrize("title", ["Vpn Engineer", "Ceoing", "Internal Auditor", "Headmistress"])
def test_a_word_is_matched_whole(title: str) -> None:
    found = classify(title).seniority
    assert found is None or found.value in ("ic", "senior")
