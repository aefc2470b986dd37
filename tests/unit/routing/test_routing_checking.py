"""What the check says of routing rules that never get a lead."""

from __future__ import annotations

from typing import Any

from services.routing.checking import findings
from services.routing.config import RoutingFile

Tree = dict[str, Any]


def said(*whens: Tree, **parts: Any) -> list[str]:
    rules = [{"id": f"r{at}", "when": when, "pool": "p"} for at, when in enumerate(whens)]
    file = {"rules": rules, "catch_all": {"pool": "p"}, **parts}
    return [str(fault) for fault in findings(RoutingFile.model_validate(file))]


def test_rules_that_get_their_turn_are_fine() -> None:
    assert said({"company.headcount": {"gte": 500}}, {"company.headcount": {"gte": 200}}) == []
    assert said({"tier": "hot"}, {"tier": "warm"}, {"account.customer": True}) == []


def test_a_shadowed_rule_is_named_with_what_takes_its_leads() -> None:
    assert said({"company.headcount": {"gte": 200}}, {"company.headcount": {"gte": 500}}) == [
        "rules.1.when: shadowed rule 'r1': 'r0' before it takes every lead that it would take"
    ]
    assert said({"tier": "hot"}, {"tier": {"ne": "hot"}}, {"kind": "chat"}) == [
        "rules.2.when: shadowed rule 'r2': 'r0' and 'r1' before it together take every lead of it"
    ]


def test_dead_rules_and_the_rules_of_other_roles() -> None:
    rule = {"id": "deal", "pool": "p", "when": {"account.known": True, "not": {
        "account.known": True}}}  # fmt: skip
    (found,) = said(roles={"ae": {"rules": [rule], "catch_all": {"pool": "p"}}})
    assert found.startswith("roles.ae.rules.0.when: dead rule 'deal': no lead can meet it")
