"""What Apollo brings on its webhook, and which of the numbers is taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.enrichment.providers.catalog import endpoints_of
from services.enrichment.providers.contract import Answer, Outcome, Question
from services.enrichment.providers.reading import read
from services.enrichment.providers.settings import ProviderSettings

WHO = "587cf802f65125cad923a266"


def settings(webhook: str = "https://hooks.example.com/handraise") -> Any:
    values = {"type": "apollo", "secret": "KEY", "phones": {"webhook": webhook}}
    return TypeAdapter(ProviderSettings).validate_python(values)


def number(digits: str, **said: Any) -> dict[str, Any]:
    """One as docs.apollo.io shows them."""
    known = {
        "confidence_cd": "high", "direct_dial_source_cd": "contact_trusted",
        "dnc_status_cd": "not_found", "position": 0, "raw_number": digits,
        "sanitized_number": digits, "status_cd": "valid_number", "type_cd": "mobile",
    }  # fmt: skip
    return known | said


def brought(*numbers: dict[str, Any], who: str = WHO) -> dict[str, Any]:
    return {
        "status": "success", "total_requested_enrichments": 1, "unique_enriched_records": 1,
        "missing_records": 0, "credits_consumed": 8,
        "people": [{"id": who, "status": "success", "phone_numbers": list(numbers)}],
    }  # fmt: skip


def taken(document: Any, reference: str | None = WHO) -> Answer:
    endpoint = endpoints_of(settings())["phone"]
    late = endpoint.late
    assert late is not None
    as_read = replace(endpoint, read=lambda found, _: late.read(found, reference))
    question = Question("apollo", "phone", {})
    return read(document, as_read, question, confidence=0.8, at=datetime.now(UTC))


MOBILE, WORK, OTHER = "+4915112345678", "+4930123456", "+4989123456"


@pytest.mark.parametrize(
    ("numbers", "expected", "confidence"),
    [
        ([number(OTHER, type_cd="other"), number(MOBILE)], MOBILE, 0.8),
        ([number(MOBILE, confidence_cd="low"), number(WORK, type_cd="work_direct")], WORK, 0.8),
        ([number(MOBILE, confidence_cd="low")], MOBILE, 0.5),
        ([number(MOBILE, status_cd="invalid_number"), number(OTHER, type_cd="other")], OTHER, 0.8),
        ([number(MOBILE, dnc_status_cd="found"), number(OTHER, type_cd=None)], OTHER, 0.8),
        ([number(MOBILE, sanitized_number=None, raw_number="+49 151 12345678")], MOBILE, 0.8),
    ],
)
def test_the_best_number_that_the_person_answers_is_taken(
    numbers: list[dict[str, Any]], expected: str, confidence: float
) -> None:
    answer = taken(brought(*numbers))
    (found,) = answer.values.values()
    assert (found.value, found.confidence, found.source) == (
        expected,
        confidence,
        "provider:apollo",
    )


@pytest.mark.parametrize(
    "numbers",
    [[], [number(WORK, type_cd="work_hq")], [number(MOBILE, dnc_status_cd="found")]],
)
def test_a_switchboard_or_a_number_not_to_be_called_is_a_miss(
    numbers: list[dict[str, Any]],
) -> None:
    assert taken(brought(*numbers)).outcome is Outcome.NO_MATCH
    assert taken({"people": []}).outcome is Outcome.NO_MATCH


@pytest.mark.parametrize(
    "document",
    [
        None, [], {}, {"people": None}, {"people": {}}, {"people": [None]},
        {"people": [{"id": WHO, "phone_numbers": ["+49"]}]},
        brought(number(MOBILE), who="somebody else"),
        brought(number("call me")),
    ],
)  # fmt: skip
def test_what_is_no_such_answer_is_an_error(document: Any) -> None:
    answer = taken(document)
    assert answer.outcome is Outcome.ERROR
    assert MOBILE not in answer.detail


def test_without_a_name_for_the_person_only_one_can_be_meant() -> None:
    assert taken(brought(number(MOBILE)), None).outcome is Outcome.MATCHED
    two = brought(number(MOBILE))
    two["people"] *= 2
    assert taken(two, None).outcome is Outcome.ERROR


@pytest.mark.parametrize(
    "webhook", ["http://hooks.example.com", "https://hooks.example.com/", "https://h.example?a=b"]
)
def test_an_address_that_anybody_could_read_or_nobody_reach_is_refused(webhook: str) -> None:
    with pytest.raises(ValidationError):
        settings(webhook)


def test_nobody_is_asked_for_phones_where_they_cannot_be_brought() -> None:
    plain = TypeAdapter(ProviderSettings).validate_python({"type": "apollo", "secret": "KEY"})
    assert "phone" not in endpoints_of(plain)
