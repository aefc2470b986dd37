"""What a form's answer about the size of the company means."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from schemas.base import Provenance
from schemas.lead import Lead
from services.enrichment.merge import combine
from services.enrichment.offline import derive
from services.enrichment.offline.headcount import read, stated

_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "people"),
    [
        ("51-200", 51),
        ("1,001–5,000", 1001),
        ("1001-5000", 1001),
        ("1.001 - 5.000", 1001),
        ("1 001 — 5 000", 1001),
        ("1'001 to 5'000 employees", 1001),
        ("1\u202f001\u2009–\u20095\u202f000", 1001),
        ("501 bis 1000 Mitarbeiter", 501),
        ("1-10 employees", 1),
        ("Mid-market (201-500)", 201),
        ("1k-5k", 1000),
        ("1.5k+", 1500),
        ("500+", 500),
        ("500 +", 500),
        ("500 employees+", 500),
        ("10.000+", 10_000),
        ("10,001+ employees", 10_001),
        ("1000 or more", 1000),
        (">=1000", 1000),
        (">1000", 1001),
        ("More than 1,000", 1001),
        ("at least 250 people", 250),
        ("250", 250),
        (" 250 ", 250),
        ("250.0", 250),
        ("1.234", 1234),
        ("1,234,567", 1_234_567),
        ("２５０", 250),
        ("Just me", 1),
    ],
)
def test_an_answer_gives_the_lower_end(answer: str, people: int) -> None:
    size = read(answer)
    assert size is not None
    assert size.people == people


@pytest.mark.parametrize(
    "answer",
    [
        "", "0", "-5", "many", "Enterprise", "Nov-50", "under 50", "< 200", "up to 10", "12.5",
        "500-51", "51-200 or 201-500", "51-200-500", "10/50", "99999999999", "9" * 5000, "1e5",
        "1,2", "5 (of 80)", "+49 30 1234567", "NaN", "200%",
    ],
)  # fmt: skip
def test_what_could_mean_two_things_says_nothing(answer: str) -> None:
    assert read(answer) is None


@pytest.mark.parametrize(
    "question",
    ["company_size", "Company size", "employees", "company_headcount", "numberOfEmployees",
     "Number of employees?", "headcount"],
)  # fmt: skip
def test_forms_name_the_question_in_many_ways(question: str) -> None:
    assert stated({question: "51-200"}) == read("51-200")


@pytest.mark.parametrize("question", ["budget", "team", "postcode", "employees_you_like", "size"])
def test_other_questions_are_not_about_the_company_s_size(question: str) -> None:
    assert stated({question: "51-200"}) is None


def test_the_first_question_that_was_answered_clearly_counts() -> None:
    answers = {"employees": "250", "company_size": "no idea"}
    assert stated(answers) == read("250")
    assert stated(dict(reversed(answers.items()))) == read("250")


def test_a_range_is_less_sure_than_a_number() -> None:
    exact, span, open_ended = read("250"), read("201-500"), read("200+")
    assert exact
    assert span
    assert open_ended
    assert exact.confidence > span.confidence == open_ended.confidence


def test_it_is_a_fact_that_the_person_stated_and_no_machine_overrules() -> None:
    lead = Lead(lead_id=UUID(int=1), account_key="k", fields={"company_size": "1,001–5,000"})
    derived = derive(lead, _AT)
    fact = derived["headcount"]
    assert (fact.value, fact.source) == (1001, "form")
    bought = Provenance(value=90, source="provider:firmographics", at=_AT, confidence=0.85)
    shown = {("headcount", bought.source): bought}
    assert combine(derived, shown)["headcount"] == fact
    unsaid = derive(lead.model_copy(update={"fields": {}}), _AT)
    assert combine(unsaid, shown)["headcount"] == bought
