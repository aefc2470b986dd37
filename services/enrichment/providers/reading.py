"""From a provider's JSON to facts: pure, and distrustful.

A value is taken only where it has the type, the range and the vocabulary of its field; an answer
about another company is no match.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.base import Provenance
from services.enrichment.providers.contract import Answer, Endpoint, Outcome, Question, Reading
from services.enrichment.providers.values import WrongValueError, checked
from services.kernel.identity import registrable_domain

ABSENT = object()
_UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def read(
    document: Any,
    endpoint: Endpoint,
    question: Question,
    *,
    confidence: float,
    at: datetime,
) -> Answer:
    """The facts of one answer, with provenance.

    :param document: the parsed JSON.
    :param confidence: of the provider, where the answer gives none of its own.
    :param at: when it was fetched.
    """
    try:
        found = endpoint.read(document, question.about)
    except _UNREADABLE as error:
        return Answer(Outcome.ERROR, detail=f"an answer of another form: {type(error).__name__}")
    if found is None:
        return Answer(Outcome.NO_MATCH)
    if found.later:
        return Answer(Outcome.LATER, reference=found.reference)
    if not _about_us(found, question):
        return Answer(Outcome.NO_MATCH, detail="the answer is about another domain")
    return _facts(found, endpoint, question, confidence, at)


def _facts(
    found: Reading, endpoint: Endpoint, question: Question, confidence: float, at: datetime
) -> Answer:
    sure = confidence if found.confidence is None else min(max(found.confidence, 0.0), 1.0)
    values: dict[str, Provenance] = {}
    wrong: list[str] = []
    for field, raw in found.values.items():
        if field not in endpoint.fields or raw is None or raw is ABSENT or raw == "":
            continue
        try:
            value = checked(field, raw)
        except WrongValueError as error:
            wrong.append(f"{field}: {error}")
            continue
        values[field] = Provenance(
            value=value, source=f"provider:{question.provider}", at=at, confidence=sure
        )
    detail = "; ".join(wrong)
    if not values:
        return Answer(Outcome.ERROR if wrong else Outcome.NO_MATCH, detail=detail)
    return Answer(Outcome.MATCHED, _priced(values, endpoint), detail)


def resolve(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901), or a marker that is not JSON where there is none."""
    at = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        match at:
            case dict():
                at = at.get(key, ABSENT)
            case list() if key.isascii() and key.isdigit() and int(key) < len(at):
                at = at[int(key)]
            case _:
                return ABSENT
    return at


def _about_us(found: Reading, question: Question) -> bool:
    asked = question.about.get("domain")
    if found.domain is None or asked is None:
        return True
    return registrable_domain(found.domain) == asked


def _priced(values: dict[str, Provenance], endpoint: Endpoint) -> dict[str, Provenance]:
    # One answer is paid once: its fields share the price.
    share = round(endpoint.prices.get(Outcome.MATCHED, 0.0) / len(values), 6)
    return {name: value.model_copy(update={"cost": share}) for name, value in values.items()}
