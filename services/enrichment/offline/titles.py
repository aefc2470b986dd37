"""Seniority and department from a job title in English, German or French, by ordered rules.

A rule is a phrase of whole words; of the rules that apply the first decides, so narrow phrases
stand before wide ones ("executive assistant" before "executive"). Titles that say "manager" of a
thing rather than of people (product, account, project) count as individual contributors. The
language is not guessed: the words of the three hardly collide, and titles mix them.

Measured against ``tests/unit/enrichment/titles.csv``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from services.enrichment.offline import title_rules as english
from services.enrichment.offline import title_rules_de as german
from services.enrichment.offline import title_rules_fr as french
from services.enrichment.offline.title_rules import Rules
from services.kernel.vocabulary import Department, Seniority

_LONGEST = 200
_MOST_WORDS = 20
_LAST = 1_000_000
_STEM = 4
"""Letters of a word by which rules with an open end are found."""
_GENDERS = re.compile(
    r"\(?(?<![^\W_])[mwfdhxi](?:\s?[/|]\s?[mwfdhxi])+\)?(?![^\W_])"  # (m/w/d), H/F
    r"|\((?:e|ne|in|innen|rice|trice|euse)\)"  # Chargé(e), Mitarbeiter(in)
    r"|(?<=\w)[*:_/·](?:in|innen|e|ne|rice|trice|euse)\b"  # Entwickler*in, Chargé·e
)
_LONGEST_FIRST = sorted(german.HEADS, key=len, reverse=True)
_WORDS = {**english.ABBREVIATIONS, **german.SPELLINGS, **french.SPELLINGS}


@dataclass(frozen=True, slots=True)
class Title:
    """What a title says; None where it says nothing that we know."""

    seniority: Seniority | None
    department: Department | None


class _Index:
    """Rules by their first word, so that a title is compared with few of them."""

    def __init__(self, rules: Iterable[tuple[str, str]]) -> None:
        self._exact: dict[str, list[tuple[int, str, tuple[str, ...]]]] = {}
        self._open: dict[str, list[tuple[int, str, str]]] = {}
        for rank, (value, phrases) in enumerate(rules):
            for phrase in phrases.split(","):
                words = tuple(phrase.split())
                if words[0].endswith("*"):
                    stem = words[0].removesuffix("*")
                    assert (len(words), len(stem) >= _STEM) == (1, True), phrase
                    self._open.setdefault(stem[:_STEM], []).append((rank, value, stem))
                else:
                    self._exact.setdefault(words[0], []).append((rank, value, words))

    def first(self, words: list[str]) -> str | None:
        """The value of the first rule that applies."""
        best, found = _LAST, None
        for at, word in enumerate(words):
            for rank, value, phrase in self._exact.get(word, ()):
                if rank < best and _stands(words, at, phrase):
                    best, found = rank, value
            for rank, value, stem in self._open.get(word[:_STEM], ()):
                if rank < best and word.startswith(stem):
                    best, found = rank, value
        return found


def _stands(words: list[str], at: int, phrase: tuple[str, ...]) -> bool:
    if len(phrase) == 1:
        return True
    there = words[at : at + len(phrase)]
    last = phrase[-1]
    if last.endswith("*"):
        near = len(there) == len(phrase) and there[-1].startswith(last[:-1])
        return near and tuple(there[:-1]) == phrase[:-1]
    return tuple(there) == phrase


def _index(*tables: Rules) -> _Index:
    return _Index(chain(*tables))


_SENIORITY = _index(
    german.FIRST, french.FIRST, english.SENIORITY, german.SENIORITY, french.SENIORITY
)
_DEPARTMENTS = _index(
    german.DEPARTMENTS_FIRST, french.DEPARTMENTS_FIRST, english.DEPARTMENTS, german.DEPARTMENTS,
    french.DEPARTMENTS, german.DEPARTMENTS_LAST, french.DEPARTMENTS_LAST,
)  # fmt: skip
_TRADES = _index(english.TRADES)


@lru_cache(maxsize=4096)
def classify(title: str) -> Title:
    """Seniority and department of one title."""
    words = _read(title)
    if not words:
        return Title(None, None)
    department = _DEPARTMENTS.first(words)
    found = _SENIORITY.first(words)
    # A title that names a trade and no rank ("Data Analyst") is an individual contributor.
    if found is None and (department is not None or _TRADES.first(words)):
        found = Seniority.IC.value
    return Title(
        Seniority(found) if found else None, Department(department) if department else None
    )


def _read(title: str) -> list[str]:
    """The words of a title: folded, abbreviations spelled out, German compounds taken apart."""
    # Dots inside abbreviations vanish (V.P.), all other punctuation separates words.
    text = title[:_LONGEST].casefold()
    if not text.isascii() or "(" in text or "/" in text or "*" in text or ":" in text:
        text = _folded(_GENDERS.sub(" ", text))
    text = text.replace(".", "").replace("&", " and ")
    spaced = "".join(c if c.isalnum() else " " for c in text)
    words: list[str] = []
    for word in spaced.split()[:_MOST_WORDS]:
        known = _WORDS.get(word)
        words.extend(known.split() if known else _apart(word))
    return _joined(words)


def _folded(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _joined(words: list[str]) -> list[str]:
    text = " ".join(words)
    if "vice president" in text:
        return text.replace("vice president", "vp").split()
    return words


def _apart(word: str) -> tuple[str, ...]:
    """``vertriebsleiterin`` is (``vertrieb``, ``leiter``); other words stay whole."""
    if len(word) < 7:
        return (word,)
    base = word
    for ending in ("innen", "in", "e", "er"):
        stem = word.removesuffix(ending)
        if stem != word and stem.endswith(german.HEADS):
            base = stem
            break
    if base in german.WHOLE:
        return (base,)
    if not base.endswith(german.HEADS):
        return (word,)
    head = next(one for one in _LONGEST_FIRST if base.endswith(one))
    before = base.removesuffix(head)
    if not before:
        return (base,)
    if len(before) < 3:
        return (word,)
    linked = len(before) > 4 and not before.endswith("ss")
    return (before.removesuffix("s") if linked else before, head)
