"""How many people work at a company, from what a form's question about its size was answered.

Forms ask by range ("51-200", "1,001–5,000 employees", "500+"); what is taken is its lower end,
which is true whatever the rest. An answer that could mean two things says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_EXACT, _RANGE = 0.9, 0.7
_LONGEST: Final = 80
_MOST: Final = 10_000_000

QUESTIONS: Final = frozenset(
    {
        "companyheadcount", "companysize", "employeecount", "employees", "employeerange",
        "headcount", "noofemployees", "numberofemployees", "numemployees", "numofemployees",
        "organisationsize", "organizationsize", "orgsize", "sizeofcompany", "companyemployees",
        "howmanyemployees", "unternehmensgroesse", "mitarbeiterzahl", "anzahlmitarbeiter",
    }
)  # fmt: skip
"""Names of the question, without case and punctuation."""

# Thousands in groups behind any of the usual marks, else bare digits (a form's number may end
# in .0), else thousands by letter.
_NUMBER = (
    r"(?:[0-9]{1,3}(?:[.,'’ ][0-9]{3})+(?![0-9])"
    r"|[0-9]+(?:[.,][0-9])?\s?k\b"
    r"|[0-9]+(?:\.0)?(?![.,]?[0-9]))"
)
_ONE = re.compile(
    rf"(?P<over>>=?|≥|over|more than|at least|above|from|ab|über|mehr als|mindestens)?\s*"
    rf"(?P<low>{_NUMBER})\s*"
    r"(?P<open>\+|or more|and more|and above|and up|oder mehr|und mehr)?\s*"
    r"(?:employees?|people|persons?|staff|ftes?|mitarbeiter|mitarbeitende)?\s*"
    r"(?P<open_late>\+|or more|and more|and above)?"
)
_SPAN = re.compile(rf"(?<![0-9.,])(?P<low>{_NUMBER})\s*(?:-|to|bis|\.\.)\s*(?P<high>{_NUMBER})")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−~", "-"))
_STRICT = frozenset({">", "over", "more than", "above", "über", "mehr als"})
_ALONE = frozenset({"just me", "only me", "myself", "self-employed", "self employed"})


@dataclass(frozen=True, slots=True)
class Size:
    """People, at least."""

    people: int
    confidence: float


def stated(answers: Mapping[str, str]) -> Size | None:
    """The size of the company as the form's answers give it, by name of the question.

    Of several questions about it the first by name that was answered clearly counts.
    """
    for name in sorted(answers):
        if _asks(name):
            size = read(answers[name])
            if size is not None:
                return size
    return None


# The questions of forms are few and come again and again.
@lru_cache(maxsize=1024)
def _asks(name: str) -> bool:
    return re.sub(r"[\W_]", "", name.casefold()) in QUESTIONS


def read(answer: str) -> Size | None:
    """The size that an answer means; None where it means none for certain."""
    if len(answer) > _LONGEST:
        return None
    # NFKC makes plain digits and blanks of the typographic ones.
    text = unicodedata.normalize("NFKC", answer).strip().casefold().translate(_DASHES)
    if text in _ALONE:
        return Size(1, _EXACT)
    single = _ONE.fullmatch(text)
    if single is not None:
        return _single(single)
    spans = list(_SPAN.finditer(text))
    if len(spans) != 1 or re.search("[0-9]", _SPAN.sub("", text)):
        return None
    low, high = _people(spans[0]["low"]), _people(spans[0]["high"])
    return Size(low, _RANGE) if 0 < low <= high <= _MOST else None


def _single(found: re.Match[str]) -> Size | None:
    low = _people(found["low"]) + (found["over"] in _STRICT)
    if not 0 < low <= _MOST:
        return None
    open_ended = found["over"] or found["open"] or found["open_late"]
    return Size(low, _RANGE if open_ended else _EXACT)


def _people(text: str) -> int:
    if text.endswith("k"):
        return round(1000 * float(text[:-1].strip().replace(",", ".")))
    return int(re.sub("[^0-9]", "", text.removesuffix(".0")))
