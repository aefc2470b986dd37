"""From a provider's JSON to facts: pure, and distrustful.

A provider may be wrong, changed or hostile. A value is taken only where it has the type, the range
and the vocabulary of its field; an answer about another company is no match.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas.base import Provenance
from services.enrichment.config import HttpProvider, Outcome
from services.enrichment.plan import Question
from services.enrichment.providers.base import Answer
from services.kernel.countries import COUNTRIES
from services.kernel.identity import registrable_domain
from services.kernel.vocabulary import Department, Seniority

_LONGEST_TEXT = 200
_MOST_PEOPLE = 10_000_000
_ABSENT = object()

Value = str | int


class WrongValueError(ValueError):
    """The answer holds something else than the field can be."""


def read(
    document: Any, provider: HttpProvider, question: Question, name: str, at: datetime
) -> Answer:
    """The facts of one answer, with provenance.

    :param document: the parsed JSON.
    :param at: when it was fetched.
    """
    if not _about_us(document, provider, question):
        return Answer(Outcome.NO_MATCH, detail="the answer is about another domain")
    values: dict[str, Provenance] = {}
    wrong: list[str] = []
    for field, pointer in provider.answer.items():
        raw = resolve(document, pointer)
        if raw is None or raw is _ABSENT or raw == "":
            continue
        try:
            value = _VALID[field](raw)
        except WrongValueError as error:
            wrong.append(f"{field}: {error}")
            continue
        values[field] = Provenance(
            value=value, source=f"provider:{name}", at=at, confidence=provider.confidence
        )
    if not values:
        outcome = Outcome.ERROR if wrong else Outcome.NO_MATCH
        return Answer(outcome, detail="; ".join(wrong))
    return Answer(Outcome.MATCHED, _priced(values, provider.cost), "; ".join(wrong))


def resolve(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901), or a marker that is not JSON where there is none."""
    at = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        match at:
            case dict():
                at = at.get(key, _ABSENT)
            case list() if key.isascii() and key.isdigit() and int(key) < len(at):
                at = at[int(key)]
            case _:
                return _ABSENT
    return at


def _about_us(document: Any, provider: HttpProvider, question: Question) -> bool:
    if provider.confirm is None or question.domain is None:
        return True
    said = resolve(document, provider.confirm)
    return isinstance(said, str) and registrable_domain(said) == question.domain


def _priced(values: dict[str, Provenance], cost: float) -> dict[str, Provenance]:
    # One answer is paid once: its fields share the price.
    share = round(cost / len(values), 6)
    return {name: value.model_copy(update={"cost": share}) for name, value in values.items()}


def _text(raw: Any) -> Value:
    if not isinstance(raw, str):
        raise WrongValueError("is not text")
    text = raw.strip()
    if not 0 < len(text) <= _LONGEST_TEXT:
        raise WrongValueError(f"is not 1 to {_LONGEST_TEXT} characters long")
    if any(unicodedata.category(letter).startswith("C") for letter in text):
        raise WrongValueError("holds control characters")
    return text


def _people(raw: Any) -> Value:
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 12:
        raw = int(raw)
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise WrongValueError("is not a whole number")
    if not 0 < raw <= _MOST_PEOPLE:
        raise WrongValueError("is out of range")
    return raw


def _country(raw: Any) -> Value:
    code = str(_text(raw)).upper()
    if code not in COUNTRIES:
        raise WrongValueError("is no ISO 3166-1 alpha-2 code")
    return code


def _one_of(words: frozenset[str]) -> Callable[[Any], Value]:
    def check(raw: Any) -> Value:
        word = str(_text(raw)).casefold().replace(" ", "_")
        if word not in words:
            raise WrongValueError("is not one of our words")
        return word

    return check


_VALID: dict[str, Callable[[Any], Value]] = {
    "company": _text,
    "company_country": _country,
    "department": _one_of(frozenset(member.value for member in Department)),
    "headcount": _people,
    "industry": _text,
    "seniority": _one_of(frozenset(member.value for member in Seniority)),
}
"""One check for each field of ``config.BuyableField``."""
