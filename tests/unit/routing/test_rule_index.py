"""The index of rules leaves out only rules that cannot fire."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.fields import RoutingCondition
from services.routing.policy import Rule, RuleSet, Target
from services.routing.recording import told

words = st.sampled_from(["DE", "FR", "GB", "US"])
kinds = st.sampled_from(["demo_request", "webinar", "newsletter"])
leaf = st.one_of(
    words.map(lambda word: {"company.country": word}),
    st.lists(words, min_size=1, max_size=3, unique=True).map(
        lambda some: {"company.country": some}
    ),
    kinds.map(lambda kind: {"kind": kind}),
    st.sampled_from(["Software", "software", "Retail"]).map(lambda one: {"company.industry": one}),
    st.integers(0, 9).map(lambda count: {"company.headcount": {"gte": count}}),
    words.map(lambda word: {"company.country": {"ne": word}}),
    st.integers(0, 9).map(lambda count: {"company.headcount": {"gt": count}}),
    st.integers(0, 9).map(lambda count: {"company.headcount": {"between": [count, 9]}}),
    st.integers(0, 9).map(lambda count: {"company.headcount": {"lte": count}}),
)
trees = st.one_of(
    leaf,
    st.lists(leaf, min_size=2, max_size=3).map(lambda some: {"all": some}),
    st.lists(leaf, min_size=2, max_size=3).map(lambda some: {"any": some}),
    leaf.map(lambda one: {"not": one}),
)
leads = st.fixed_dictionaries(
    {},
    optional={
        "company.country": words,
        "kind": kinds,
        "company.industry": st.sampled_from(["software", "SOFTWARE", "retail"]),
        "company.headcount": st.integers(0, 9),
    },
)
LAST = Target("catch-all", "#", "desk")


@settings(max_examples=300)
@given(st.lists(trees, max_size=12), leads)
def test_the_first_that_fires_is_the_same_with_and_without_it(
    found: list[dict[str, object]], facts: dict[str, object]
) -> None:
    rules = tuple(
        Rule(Target(str(at), f"#{at}", "desk"), RoutingCondition(tree))
        for at, tree in enumerate(found)
    )
    one_by_one = next((rule.target for rule in rules if rule.when(facts) is True), LAST)
    every = RuleSet(rules, LAST)
    assert every.target_of(facts) == one_by_one
    routed = every.first_match(facts)
    assert routed.target == one_by_one
    before = (
        len(rules)
        if one_by_one is LAST
        else rules.index(next(rule for rule in rules if rule.target == one_by_one))
    )
    assert routed.tried == tuple(rule.lost(facts) for rule in rules[:before])
    tried = told({"tried": routed.tried, "features": facts})["tried"]
    assert [one["rule"] for one in tried] == [str(at) for at in range(before)]
    assert all(one["verdict"] is not True for one in tried)
