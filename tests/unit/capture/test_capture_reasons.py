"""Only what ``qualification.yaml`` names is a reason to give a lead up."""

from __future__ import annotations

import pytest

from services.capture.reasons import Reasons

KNOWN = Reasons.read(
    {
        "qualification.yaml": "disqualify:\n"
        "  - {id: no_budget, says: No budget this year, recycle: {after: 90d}}\n"
        "  - {id: no_fit, says: Not for us}\n"
    }
)


@pytest.mark.parametrize(
    "given", [None, "", "no_budget", " No_Fit ", "no budget THIS year", "No-Fit"]
)
def test_a_reason_of_the_list_is_taken_by_its_id_or_words(given: str | None) -> None:
    assert KNOWN.refusal(given) is None


def test_another_is_refused_and_what_may_be_meant_is_named() -> None:
    assert KNOWN.refusal("no_budgte") == (
        "is no reason of qualification.yaml; did you mean no_budget?"
    )
    assert KNOWN.refusal("weather") == (
        "is no reason of qualification.yaml: it is one of no_budget, no_fit"
    )


@pytest.mark.parametrize(
    "files", [{}, {"qualification.yaml": "criteria: {}"}, {"qualification.yaml": "["}]
)
def test_where_no_list_is_defined_any_reason_is_taken(files: dict[str, str]) -> None:
    assert Reasons.read(files).refusal("weather") is None
