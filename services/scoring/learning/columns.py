"""From the columns of a table to features, as rules would see them: words, and bands of numbers.

What is learnt of a column (whether it is a number, which words are frequent, where bands begin) is
learnt from the older rows alone and used for the later ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Row = Mapping[str, str]

SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Bands of a number begin where so many of the older rows lie below."""
FREQUENT = 10
"""A word counts by itself from so many rows on."""
_DIFFERENT = 10
"""A column of numbers has more than so many different ones; else they are words."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which features a row has."""

    words: Mapping[str, frozenset[str]]
    bands: Mapping[str, tuple[float, ...]]
    missing: frozenset[str] = field(default_factory=frozenset)
    """Texts that mean that nothing is known."""

    def features(self, row: Row) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, words in self.words.items():
            word = self._value(row, name)
            if word is not None:
                found[f"{name}={word if word in words else 'another'}"] = 1.0
        for name, bands in self.bands.items():
            number = _number(self._value(row, name))
            if number is None:
                found[f"{name} unknown"] = 1.0
            else:
                found |= {f"{name}>={band:g}": 1.0 for band in bands if number >= band}
        return found

    def _value(self, row: Row, name: str) -> str | None:
        value = row.get(name, "").strip()
        return None if not value or value in self.missing else value


def learnt(
    rows: Sequence[Row], without: Iterable[str] = (), missing: Iterable[str] = ()
) -> Columns:
    """:param without: columns that must not be used: ids, outcomes, what was filled in later."""
    left_out, gaps = frozenset(without), frozenset(missing)
    words: dict[str, frozenset[str]] = {}
    bands: dict[str, tuple[float, ...]] = {}
    for name in rows[0]:
        if name in left_out:
            continue
        values = [
            value for row in rows if (value := row.get(name, "").strip()) and value not in gaps
        ]
        numbers = [number for one in values if (number := _number(one)) is not None]
        if len(numbers) == len(values) and len(set(numbers)) > _DIFFERENT:
            bands[name] = _bands(sorted(numbers))
        else:
            counted = Counter(values)
            words[name] = frozenset(word for word, times in counted.items() if times >= FREQUENT)
    return Columns(words, bands, gaps)


def _bands(numbers: list[float]) -> tuple[float, ...]:
    edges = {numbers[int(len(numbers) * share)] for share in SHARES}
    return tuple(sorted(edges - {numbers[0]}))


def _number(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
