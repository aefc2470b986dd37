"""Laws of reading a company's size: any bounds in any writing, and no text that breaks it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.enrichment.offline.headcount import read

_PEOPLE = st.integers(1, 1_000_000)
_MARKS = st.sampled_from(["", ",", ".", "'", "\u00a0", "\u202f", " "])
_DASHES = st.sampled_from(["-", "–", "—", " - ", " – ", " to ", " bis "])
_UNITS = st.sampled_from(["", " employees", " people", " Mitarbeiter", " FTE"])


def _written(number: int, mark: str) -> str:
    return f"{number:,}".replace(",", mark)


@given(_PEOPLE, _PEOPLE, _MARKS, _DASHES, _UNITS)
def test_a_range_gives_its_lower_end_however_it_is_written(
    one: int, other: int, mark: str, dash: str, unit: str
) -> None:
    low, high = sorted((one, other))
    size = read(f"{_written(low, mark)}{dash}{_written(high, mark)}{unit}")
    assert size is not None
    assert size.people == low


@given(_PEOPLE, _MARKS, st.sampled_from(["", "+", " +", " or more"]), _UNITS)
def test_a_number_is_itself(number: int, mark: str, plus: str, unit: str) -> None:
    size = read(f"{_written(number, mark)}{plus}{unit}")
    assert size is not None
    assert size.people == number


@given(st.text(max_size=120) | st.text("0123456789-+.,k –~>< to", max_size=90))
def test_any_text_is_read_as_a_possible_size_or_not_at_all(text: str) -> None:
    size = read(text)
    assert size is None or (0 < size.people <= 10_000_000 and 0 < size.confidence < 1)
