"""What analysis calls impossible never happens, whatever the rules and the facts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.analysis import Flaw, Goal, flaws, possible, same, shadowed
from services.kernel.conditions import EnrichedCondition
from services.kernel.facts import as_of

Tree = dict[str, Any]
NOW = datetime(2026, 11, 27, tzinfo=UTC)
DAY = 86_400.0
most = settings(max_examples=400, deadline=None)

numbers = st.sampled_from([1, 2, 2.5, 3])
texts = st.sampled_from(["ab", "abc", "b", "bc", "ca"])
some_texts = texts | st.lists(texts, min_size=1, max_size=2)
pages = st.sampled_from(["pricing", "blog"])

questions: st.SearchStrategy[Tree] = st.one_of(
    st.builds(
        lambda op, n: {"company.headcount": {op: n}},
        st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]),
        numbers,
    ),
    st.builds(lambda a, b: {"company.headcount": {"between": sorted([a, b])}}, numbers, numbers),
    st.builds(
        lambda op, t: {"lead.company": {op: t}},
        st.sampled_from(["contains", "starts_with", "ends_with"]),
        some_texts,
    ),
    st.builds(lambda op, t: {"lead.company": {op: t}}, st.sampled_from(["eq", "ne"]), texts),
    st.builds(lambda t: {"motion": t}, st.sampled_from(["inbound", "outbound"])),
    st.builds(lambda t: {"motion": {"ne": t}}, st.sampled_from(["inbound", "outbound"])),
    st.builds(lambda f: {"email.role": f}, st.booleans()),
    st.builds(
        lambda op, tags: {"company.technologies": {op: tags}},
        st.sampled_from(["any_of", "all_of", "none_of"]),
        some_texts,
    ),
    st.builds(
        lambda op, days: {"submitted_at": {op: f"{days}d"}},
        st.sampled_from(["within", "older_than"]),
        st.integers(1, 3),
    ),
    st.builds(
        lambda op, day: {"submitted_at": {op: f"2026-11-2{day}"}},
        st.sampled_from(["before", "after"]),
        st.integers(4, 7),
    ),
    st.builds(
        lambda page, within, op, n: {"activities": {"page_kind": page, **within, "count": {op: n}}},
        pages,
        st.sampled_from([{}, {"within": "2d"}]),
        st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]),
        st.integers(0, 3),
    ),
    st.builds(
        lambda name, op: {name: {op: True}},
        st.sampled_from(["lead.company", "company.headcount", "email.role", "submitted_at"]),
        st.sampled_from(["exists", "missing"]),
    ),
)


def _grown(below: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    several = st.lists(below, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda t: {"all": t}, several),
        st.builds(lambda t: {"any": t}, several),
        st.builds(lambda t: {"not": t}, below),
    )


trees = st.recursive(questions, _grown, max_leaves=8)
rows = st.lists(
    st.fixed_dictionaries(
        {"kind": st.just("page_view"), "at": st.floats(-4 * DAY, 0).map(lambda at: _now() + at)},
        optional={"page_kind": pages},
    ),
    max_size=5,
)
facts = st.builds(
    lambda known, happened: as_of(known, NOW, happened),
    st.fixed_dictionaries(
        {"motion": st.sampled_from(["inbound", "outbound"])},
        optional={
            "company.headcount": numbers | st.just(9),
            "lead.company": st.text("abcd", min_size=1, max_size=5),
            "email.role": st.booleans(),
            "company.technologies": st.lists(texts, min_size=1),
            "submitted_at": st.floats(-4 * DAY, DAY).map(lambda at: _now() + at),
        },
    ),
    st.none() | rows,
)


def _now() -> float:
    return NOW.timestamp()


@most
@given(st.lists(trees, min_size=1, max_size=4), facts, st.data())
def test_what_happens_is_possible(rules: list[Tree], known: Tree, data: st.DataObject) -> None:
    claims = []
    for tree in rules:
        condition = EnrichedCondition(tree)
        goals = {
            True: [Goal.TRUE, Goal.NOT_FALSE],
            False: [Goal.FALSE, Goal.NOT_TRUE],
            None: [Goal.NOT_TRUE, Goal.NOT_FALSE],
        }[condition(known)]
        claims.append((condition.node, data.draw(st.sampled_from(goals))))
    assert possible(claims)


@most
@given(st.lists(trees, min_size=2, max_size=5), facts)
def test_findings_hold_for_every_lead(rules: list[Tree], known: Tree) -> None:
    conditions = [EnrichedCondition(tree) for tree in rules]
    fired = [condition(known) is True for condition in conditions]
    nodes = [condition.node for condition in conditions]
    for found in (*flaws(nodes), *shadowed(nodes), *same(nodes)):
        match found.flaw:
            case Flaw.DEAD:
                assert not fired[found.at]
            case Flaw.SHADOWED:
                assert not fired[found.at] or any(fired[at] for at in found.others)
                assert all(at < found.at for at in found.others)
            case Flaw.SAME:
                assert fired[found.at] is fired[found.others[0]]


@most
@given(trees)
def test_a_rule_contradicts_its_negation(tree: Tree) -> None:
    node = EnrichedCondition(tree).node
    assert not possible([(node, Goal.TRUE), (node, Goal.FALSE)])
    assert not possible([(node, Goal.TRUE), (node, Goal.NOT_TRUE)])
