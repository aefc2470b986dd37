"""Seniority and department from a job title, by ordered rules over words.

A rule is a phrase of whole words; the first rule whose phrase occurs decides, so narrow phrases
stand before wide ones ("executive assistant" before "executive"). English only in this depth.
Titles that say "manager" of a thing rather than of people (product, account, project) count as
individual contributors. Measured against ``tests/unit/enrichment/titles.csv``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from services.enrichment.offline import title_rules as rules
from services.kernel.vocabulary import Department, Seniority

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Title:
    """What a title says; None where it says nothing that we know."""

    seniority: Seniority | None
    department: Department | None


@lru_cache(maxsize=4096)
def classify(title: str) -> Title:
    """Seniority and department of one title."""
    text = _words(title)
    if text.isspace():
        return Title(None, None)
    department = _first(text, rules.DEPARTMENTS)
    found = _first(text, rules.SENIORITY)
    # A title that names a trade and no rank ("Data Analyst") is an individual contributor.
    if found is None and (department is not None or _first(text, rules.TRADES)):
        found = Seniority.IC.value
    return Title(
        Seniority(found) if found else None, Department(department) if department else None
    )


def _words(title: str) -> str:
    """The title as words between single spaces, abbreviations spelled out, blanks at both ends."""
    # Dots inside abbreviations vanish (V.P.), all other punctuation separates words.
    kept = title[:_LONGEST].casefold().replace(".", "").replace("&", " and ")
    spaced = "".join(c if c.isalnum() else " " for c in kept)
    words = " ".join(rules.ABBREVIATIONS.get(word, word) for word in spaced.split())
    return f" {words} ".replace(" vice president ", " vp ")


def _first(text: str, table: tuple[tuple[str, tuple[str, ...]], ...]) -> str | None:
    for value, phrases in table:
        for phrase in phrases:
            if phrase in text:
                return value
    return None
