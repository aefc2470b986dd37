"""What each rule before the one that fired lost by, as it is told from a stored record."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import from_json, to_json

from services.kernel.conditions import NotedFacts
from services.routing.recording import told
from tests.integration.routing.leads import plan


def lost(when: str, facts: dict[str, object]) -> dict[str, Any]:
    """As the only rule is told to have lost."""
    config = plan(rules=f"  - {{id: first, when: {{{when}}}, pool: desk}}\n")
    routed = config.first_role.first_match(NotedFacts(facts))
    record = {
        "tried": routed.tried,
        "features": {k: v for k, v in facts.items() if k[:4] != "lead"},
    }
    [one] = told(from_json(to_json(record)))["tried"]
    assert one["rule"] == "first"
    return dict(one)


@pytest.mark.parametrize(
    ("when", "facts", "verdict", "because"),
    [
        (
            "company.headcount: {gte: 500}, country.resolved: [DE, AT]",
            {"company.headcount": 12, "country.resolved": "DE"},
            False,
            {"field": "company.headcount", "op": "gte", "want": 500, "got": 12, "result": False},
        ),
        (
            "company.headcount: {gte: 500}, country.resolved: [DE, AT]",
            {"country.resolved": "FR"},
            False,
            {"field": "company.headcount", "op": "gte", "want": 500, "got": None, "result": None},
        ),
        (
            "company.headcount: {gte: 500}, country.resolved: [DE, AT]",
            {"country.resolved": "DE"},
            None,
            {"field": "company.headcount", "op": "gte", "want": 500, "got": None, "result": None},
        ),
        (
            "lead.email: {contains: ceo}",
            {"lead.email": "ann@acme.example"},
            False,
            {"field": "lead.email", "op": "contains", "want": "ceo", "got": "(personal)",
             "result": False},
        ),
        (
            "lead.email: {contains: ceo}",
            {},
            None,
            {"field": "lead.email", "op": "contains", "want": "ceo", "got": None, "result": None},
        ),
        (
            "any: [{company.headcount: {gte: 500}}, {company.headcount: {lt: 5}}]",
            {"company.headcount": 12},
            False,
            {"op": "any", "result": False},
        ),
    ],
)  # fmt: skip
def test_a_rule_is_told_to_have_lost_by_its_first_part_that_is_not_true(
    when: str, facts: dict[str, object], verdict: bool | None, because: dict[str, object]
) -> None:
    assert lost(when, facts) == {"rule": "first", "verdict": verdict, "because": because}
