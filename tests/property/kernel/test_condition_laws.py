"""Laws of the rule language: three-valued logic, and a trace that tells the truth."""

from __future__ import annotations

import operator
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.conditions import Condition, ConditionFaults, EnrichedCondition, Trace
from services.kernel.facts import as_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMPARED = {
    name: getattr(operator, name.replace("gte", "ge").replace("lte", "le"))
    for name in ("eq", "ne", "gt", "gte", "lt", "lte")
}
few = settings(max_examples=200, deadline=None)

Tree = dict[str, Any]

numbers = st.integers(-3, 3)
words = st.sampled_from(["acme", "Acme Ltd", "bolt", "BOLT"])
kinds = st.sampled_from(["chat", "webinar", "demo_request"])

questions: st.SearchStrategy[Tree] = st.one_of(
    st.builds(lambda w: {"lead.company": w}, words | st.lists(words, min_size=1, max_size=3)),
    st.builds(
        lambda op, w: {"lead.company": {op: w}},
        st.sampled_from(["eq", "ne", "contains", "starts_with", "ends_with"]),
        words,
    ),
    st.builds(
        lambda op, w: {"lead.company": {op: w}},
        st.sampled_from(["in", "not_in"]),
        st.lists(words, min_size=1, max_size=3),
    ),
    st.builds(
        lambda op, n: {"touch": {op: n}},
        st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]),
        numbers,
    ),
    st.builds(lambda a, b: {"touch": {"between": sorted([a, b])}}, numbers, numbers),
    st.builds(lambda a, b: {"touch": {"gte": a, "lt": b}}, numbers, numbers),
    st.builds(lambda k: {"kind": k}, kinds),
    st.builds(lambda f: {"email.role": f}, st.booleans()),
)
pages = st.none() | st.sampled_from(["/pricing", "/blog"])
activities = st.lists(
    st.builds(
        lambda kind, at, page: {"kind": kind, "at": at, **({"page_url": page} if page else {})},
        st.sampled_from(["page_view", "won"]),
        st.floats(-9 * 86_400, 86_400),
        pages,
    ),
    max_size=8,
)
counts: st.SearchStrategy[Tree] = st.builds(
    lambda such, within, asked: {"activities": {**such, **within, "count": asked}},
    st.sampled_from(
        [{"kind": "page_view"}, {"page_url": "/pricing"}, {"page_url": {"missing": True}}]
    ),
    st.sampled_from([{}, {"within": "7d"}]),
    st.dictionaries(
        st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]), st.integers(0, 5), min_size=1
    ),
)
presence: st.SearchStrategy[Tree] = st.builds(
    lambda name, op, on: {name: {op: on}},
    st.sampled_from(["lead.company", "touch", "kind", "email.role"]),
    st.sampled_from(["exists", "missing"]),
    st.booleans(),
)


def _grown(below: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    several = st.lists(below, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda t: {"all": t}, several),
        st.builds(lambda t: {"any": t}, several),
        st.builds(lambda t: {"not": t}, below),
        st.builds(lambda t, q: {"any": t, **q}, several, questions),
    )


known_only = st.recursive(questions, _grown, max_leaves=6)
trees = st.recursive(questions | presence, _grown, max_leaves=6)
facts = st.fixed_dictionaries(
    {},
    optional={"lead.company": words, "touch": numbers, "kind": kinds, "email.role": st.booleans()},
)


@few
@given(trees, facts)
def test_a_trace_comes_out_as_the_compiled_condition(tree: Tree, known: Tree) -> None:
    condition = Condition(tree)
    assert condition.explain(known).result is condition(known)


@few
@given(trees, facts)
def test_a_trace_adds_up_at_every_node(tree: Tree, known: Tree) -> None:
    def check(node: Trace) -> None:
        below = [child.result for child in node.children]
        match node.op:
            case "all":
                assert node.result is (False if False in below else None if None in below else True)
            case "any":
                assert node.result is (True if True in below else None if None in below else False)
            case "not":
                assert node.result is {True: False, False: True, None: None}[below[0]]
        for child in node.children:
            check(child)

    check(Condition(tree).explain(known))


@few
@given(counts, activities)
def test_a_count_counts_what_is_such_and_no_more(tree: Tree, rows: list[Tree]) -> None:
    condition = EnrichedCondition(tree)
    known = as_of({}, EPOCH, rows)
    asked = dict(tree["activities"])
    numbers, within = asked.pop("count"), asked.pop("within", None)
    seen = [row for row in rows if row["at"] <= 0 and (not within or row["at"] >= -7 * 86_400)]
    such = Condition(_of_a_lead(asked))
    verdicts = [
        such({"lead.job_title": row["kind"], "lead.page_url": row.get("page_url")}) for row in seen
    ]
    low = verdicts.count(True)
    possible = {
        all(COMPARED[op](number, want) for op, want in numbers.items())
        for number in range(low, low + verdicts.count(None) + 1)
    }
    assert condition(known) is (possible.pop() if len(possible) == 1 else None)
    assert condition.explain(known).result is condition(known)


def _of_a_lead(asked: Tree) -> Tree:
    """The same question of fields of text that a condition about a lead has."""
    names = {"kind": "lead.job_title", "page_url": "lead.page_url"}
    return {names[name]: want for name, want in asked.items()}


@few
@given(trees, trees, facts)
def test_de_morgan(one: Tree, other: Tree, known: Tree) -> None:
    def ask(tree: Tree) -> bool | None:
        return Condition(tree)(known)

    assert ask({"not": {"all": [one, other]}}) is ask({"any": [{"not": one}, {"not": other}]})
    assert ask({"not": {"any": [one, other]}}) is ask({"all": [{"not": one}, {"not": other}]})
    assert ask({"not": {"not": one}}) is ask(one)


@few
@given(trees, trees, facts)
def test_order_does_not_matter(one: Tree, other: Tree, known: Tree) -> None:
    for group in ("all", "any"):
        assert Condition({group: [one, other]})(known) is Condition({group: [other, one]})(known)


@few
@given(known_only, facts, facts)
def test_learning_more_never_overturns_an_answer(tree: Tree, known: Tree, more: Tree) -> None:
    """Holds for whatever does not ask whether something is known."""
    condition = Condition(tree)
    before = condition(known)
    if before is not None:
        assert condition({**more, **known}) is before


@few
@given(known_only)
def test_with_nothing_known_nothing_is_decided(tree: Tree) -> None:
    assert Condition(tree)({}) is None


@few
@given(trees)
def test_short_forms_mean_their_long_forms(tree: Tree) -> None:
    samples: list[Tree] = [{}, {"touch": 1}, {"touch": 2, "kind": "chat", "lead.company": "Bolt"}]
    long = {"all": [{name: below} for name, below in tree.items()]}
    for known in samples:
        assert Condition(tree)(known) is Condition(long)(known)


@few
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
        lambda below: (
            st.lists(below, max_size=3)
            | st.dictionaries(
                st.sampled_from(["all", "any", "not", "kind", "touch", "gte", "in", "x"]), below
            )
        ),
        max_leaves=8,
    )
)
def test_any_tree_is_a_condition_or_has_faults(tree: object) -> None:
    try:
        verdict = Condition(tree)({"touch": 1, "kind": "chat"})
    except ConditionFaults as error:
        faults = error.faults
    else:
        faults = []
        assert verdict in (True, False, None)
    assert all(message for _, message in faults)
