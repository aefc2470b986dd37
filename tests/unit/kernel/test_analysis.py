"""Which rules can never fire, and what is said of them."""

from __future__ import annotations

import pytest

from services.kernel.analysis import (
    EVERYTHING,
    Flaw,
    Goal,
    flaws,
    implies,
    possible,
    same,
    shadowed,
)
from services.kernel.conditions import EnrichedCondition
from services.kernel.conditions.nodes import Node

Tree = dict[str, object]


def nodes(*trees: Tree) -> list[Node]:
    return [EnrichedCondition(tree).node for tree in trees]


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        (
            {"company.headcount": {"gte": 500}, "kind": "chat", "all": [{"company.headcount": 40}]},
            "company.headcount gte 500 and company.headcount eq 40 exclude each other",
        ),
        ({"company.headcount": {"gt": 5, "lt": 5}}, "exclude each other"),
        ({"kind": "chat", "not": {"kind": ["chat", "webinar"]}}, "exclude each other"),
        ({"lead.country": {"missing": True}, "any": [{"lead.country": "DE"}]}, "exclude"),
        ({"lead.email_domain": {"ends_with": ".edu"}, "not": {"lead.email_domain": {
            "contains": "edu"}}}, "exclude"),
        ({"lead.company": {"starts_with": "a"}, "all": [{"lead.company": {
            "starts_with": "b"}}]}, "exclude"),
        ({"lead.company": "Acme", "not": {"lead.company": {"contains": "CM"}}}, "exclude"),
        ({"motion": {"not_in": ["inbound", "outbound"]}}, "motion not_in inbound, outbound"),
        ({"email.role": {"ne": True}, "all": [{"email.role": True}]}, "exclude"),
        ({"submitted_at": {"within": "2d", "older_than": "3d"}}, "exclude"),
        ({"company.technologies": {"all_of": ["sap", "kafka"], "none_of": ["SAP"]}}, "exclude"),
        ({"activities": {"kind": "page_view", "count": {"gte": 3, "lt": 3}}}, "contradicts"),
        ({"all": [{"activities": {"kind": "won", "count": 0}}, {"activities": {"kind": "won"}}]},
         "activities eq 0: kind eq won and activities gte 1: kind eq won exclude"),
        ({"not": {"any": [{"touch": {"lt": 3}}, {"touch": {"gte": 2}}]}}, "not (any: …)"),
    ],
)  # fmt: skip
def test_dead(tree: Tree, why: str) -> None:
    (found,) = flaws(nodes(tree))
    assert found.flaw is Flaw.DEAD
    assert why in found.why


@pytest.mark.parametrize(
    "tree",
    [
        {"company.headcount": {"gte": 5, "lte": 5}},
        {"person.seniority": {"not_in": ["vp"]}},
        {"lead.email_domain": {"ends_with": ".edu", "contains": "berlin"}},
        {"not": {"lead.country": {"exists": True}}},
        {"any": [{"kind": "chat"}, {"kind": "webinar"}]},
        {"lead.company": {"contains": ["a", "b"]}, "not": {"lead.company": {"contains": "a"}}},
        {"submitted_at": {"within": "3d"}, "now": {"after": "2026-01-01"}},
        {"all": [{"activities": {"kind": "won", "count": 0}}, {"activities": {"kind": "lost"}}]},
    ],
)
def test_alive(tree: Tree) -> None:
    assert list(flaws(nodes(tree))) == []


def test_an_alternative_that_cannot_be_is_named_by_its_path() -> None:
    tree: Tree = {
        "company.headcount": {"gte": 200},
        "any": [{"kind": "chat"}, {"company.headcount": {"lt": 50}}],
    }
    (found,) = flaws(nodes(tree))
    assert (found.flaw, found.path[:2]) == (Flaw.DEAD_PART, ("any", 1))


def test_a_rule_behind_a_wider_one_never_gets_its_turn() -> None:
    rules = nodes(
        {"kind": "chat"},
        {"company.headcount": {"gte": 200}},
        {"company.headcount": {"gte": 500}, "lead.country": "DE"},
    )
    (found,) = shadowed(rules)
    assert (found.at, found.others) == (2, (1,))
    assert "takes every lead" in found.why


def test_rules_can_shadow_together_and_as_few_as_do_are_named() -> None:
    rules = nodes(
        {"lead.country": "DE"},
        {"company.headcount": {"lt": 50}},
        {"company.headcount": {"gte": 50}},
        {"company.headcount": {"exists": True}, "kind": "chat"},
    )
    (found,) = shadowed(rules)
    assert (found.at, found.others) == (3, (1, 2))
    assert list(shadowed([rules[0], rules[1], rules[3]])) == []


def test_what_is_missing_falls_through_and_shadows_nothing() -> None:
    rules = nodes(
        {"company.headcount": {"lt": 50}}, {"company.headcount": {"gte": 50}}, {"kind": "chat"}
    )
    assert list(shadowed(rules)) == []


def test_a_rule_without_a_condition_takes_all() -> None:
    (found,) = shadowed([EVERYTHING, *nodes({"kind": "chat"})])
    assert found.others == (0,)
    closed = [*nodes({"motion": "inbound"}, {"motion": "outbound"}), EVERYTHING]
    assert [one.others for one in shadowed(closed)] == [(0, 1)]


def test_the_same_condition_in_other_words() -> None:
    rules = nodes(
        {"company.headcount": {"between": [50, 99]}},
        {"not": {"any": [{"company.headcount": {"lt": 50}}, {"company.headcount": {"gt": 99}}]}},
        {"company.headcount": {"gte": 50}},
    )
    assert [(one.at, one.others) for one in same(rules)] == [(1, (0,))]
    assert list(same(rules, lambda one, other: False)) == []
    assert implies(rules[0], rules[2])
    assert not implies(rules[2], rules[0])


def test_a_count_that_lies_between_two_bounds_can_leave_two_limits_open() -> None:
    """Three pricing views and one of an unknown page: neither "4 or more" nor "3 or fewer"."""

    def count(asked: Tree) -> EnrichedCondition:
        return EnrichedCondition({"activities": {"page_kind": "pricing", "count": asked}})

    some, many, few = count({"gte": 1}), count({"gte": 4}), count({"lte": 3})
    seen: Tree = {"kind": "page_view", "at": 0.0}
    known: Tree = {"now": 1.0, "activities": [*[{**seen, "page_kind": "pricing"}] * 3, seen]}
    assert (some(known), many(known), few(known)) == (True, None, None)
    claims = [(some.node, Goal.TRUE), (many.node, Goal.NOT_TRUE), (few.node, Goal.NOT_TRUE)]
    assert possible(claims)
    assert not possible([*claims[:2], (count({"eq": 4}).node, Goal.TRUE)])
