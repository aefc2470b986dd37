"""Rules about time and about what a lead did: windows, counts over activities, lists of words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from pydantic import TypeAdapter

from services.kernel.conditions import (
    Condition,
    ConditionFaults,
    EnrichedCondition,
    Verdict,
)
from services.kernel.conditions.parsing import MAX_COUNTS
from services.kernel.facts import as_of

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PRICING = {"kind": "page_view", "page_url": {"contains": "/pricing"}, "within": "7d"}


def view(days: float, page: str | None = "https://acme.example/pricing") -> dict[str, object]:
    at = (NOW - timedelta(days=days)).timestamp()
    seen: dict[str, object] = {"kind": "page_view", "at": at}
    return seen if page is None else {**seen, "page_url": page}


def count(asked: object, *rows: dict[str, object]) -> Verdict:
    return EnrichedCondition({"activities": {**PRICING, "count": asked}})(as_of({}, NOW, rows))


def test_three_pricing_views_in_seven_days() -> None:
    blog = view(1, "https://acme.example/blog")
    assert count({"gte": 3}, view(1), view(2), view(7)) is True
    assert count({"gte": 3}, view(1), view(2), view(7.01)) is False
    assert count({"gte": 3}, view(1), view(2), blog, blog) is False
    assert count({"gte": 1}, view(-1)) is False  # after the moment of the rule


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (2, True),
        ({"ne": 2}, False),
        ({"lt": 3}, True),
        ({"lte": 1}, False),
        ({"gt": 2}, False),
        ({"between": [1, 2]}, True),
        ({"gte": 1, "lt": 2}, False),
    ],
)
def test_what_may_be_asked_of_a_count(asked: object, verdict: bool) -> None:
    assert count(asked, view(1), view(2)) is verdict


def test_a_count_without_a_number_asks_for_one_at_least() -> None:
    rule = EnrichedCondition({"activities": {"kind": ["email_replied", "meeting_booked"]}})
    assert rule(as_of({}, NOW, [{"kind": "email_replied", "at": 0.0}])) is True
    assert rule(as_of({}, NOW, [])) is False


def test_a_count_is_unknown_where_it_hangs_on_what_is_not_known() -> None:
    unseen = view(1, None)
    assert count({"gte": 2}, view(1), unseen) is None
    assert count({"gte": 1}, view(1), unseen) is True
    assert count({"gte": 3}, view(1), unseen) is False
    assert count({"gte": 2, "lte": 2}, view(1), unseen, unseen) is None
    assert EnrichedCondition({"activities": PRICING})({"now": NOW.timestamp()}) is None
    assert EnrichedCondition({"activities": PRICING})({"activities": []}) is None


@pytest.mark.parametrize(
    ("asked", "value", "verdict"),
    [
        ({"submitted_at": {"within": "2d"}}, NOW - timedelta(days=2), True),
        ({"submitted_at": {"within": "2d"}}, NOW - timedelta(days=3), False),
        ({"submitted_at": {"within": "2d"}}, NOW + timedelta(days=1), False),
        ({"submitted_at": {"older_than": "2d"}}, NOW - timedelta(days=3), True),
        ({"submitted_at": {"after": "2026-11-27"}}, NOW, True),
        ({"submitted_at": {"before": "2026-11-27T12:00:00+00:00"}}, NOW, False),
        ({"submitted_at": {"before": NOW}}, NOW - timedelta(seconds=1), True),
        ({"submitted_at": {"after": "2026-11-27", "before": "2026-11-28"}}, NOW, True),
    ],
)
def test_moments(asked: object, value: datetime, verdict: bool) -> None:
    assert Condition(asked)(as_of({"submitted_at": value.timestamp()}, NOW)) is verdict
    assert Condition(asked)(as_of({}, NOW)) is None


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ("kafka", True),
        (["Kafka", "SAP"], True),
        ({"all_of": ["kafka", "sap"]}, False),
        ({"all_of": ["kafka", "salesforce"]}, True),
        ({"none_of": ["sap"]}, True),
        ({"none_of": ["kafka"]}, False),
    ],
)
def test_words(asked: object, verdict: bool) -> None:
    rule = Condition({"company.technologies": asked})
    assert rule({"company.technologies": ["Kafka", "Salesforce"]}) is verdict
    assert rule({}) is None


@pytest.mark.parametrize(
    ("tree", "path", "message"),
    [
        ({"kind": "page_vew"}, ("kind",), "did you mean page_view?"),
        ({"page_ur": "x"}, ("page_ur",), "did you mean page_url?"),
        ({"within": "7 days"}, ("within",), "15m, 8h or 3d"),
        ({"within": "0d"}, ("within",), "longer than nothing"),
        ({"count": {"contains": 3}}, ("count", "contains"), "a count has no contains"),
        ({"count": {"gte": -1}}, ("count", "gte"), "whole number"),
        ({"count": {"gte": 2.5}}, ("count", "gte"), "whole number"),
        ({"count": {"gte": 5_000}}, ("count", "gte"), "up to 500"),
        ({"count": "3"}, ("count", "eq"), "is a number"),
        ({"any": [{"kind": "won"}]}, (), "no place within activities"),
        ({}, (), "which activities?"),
        ("page_view", (), "which activities?"),
    ],
)
def test_a_wrong_count_says_where(tree: object, path: tuple[object, ...], message: str) -> None:
    with pytest.raises(ConditionFaults) as caught:
        EnrichedCondition({"activities": tree})
    (fault,) = caught.value.faults
    assert fault.path == ("activities", *path)
    assert message in fault.message


def test_counts_are_bounded_and_only_where_activities_are_known() -> None:
    many = {"any": [{"activities": PRICING}] * (MAX_COUNTS + 1)}
    with pytest.raises(ConditionFaults, match="more than 10 counts"):
        EnrichedCondition(many)
    with pytest.raises(ConditionFaults, match="no activities are known where this rule runs"):
        Condition({"activities": PRICING})
    with pytest.raises(ConditionFaults, match="which operator"):
        Condition({"submitted_at": "2026-11-27"})


def test_the_trace_says_what_was_counted() -> None:
    rule = EnrichedCondition({"activities": {**PRICING, "count": {"gte": 3}}})
    trace = rule.explain(as_of({}, NOW, [view(1), view(2)]))
    assert trace.result is False
    assert trace.as_dict() == {
        "path": "/activities",
        "field": "activities",
        "op": "count",
        "want": "gte 3: kind eq page_view, page_url contains /pricing, within 7d",
        "got": 2,
        "result": False,
    }
    aged = Condition({"submitted_at": {"within": "2d"}}).explain(
        as_of({"submitted_at": NOW.timestamp()}, NOW)
    )
    assert list(aged.lines()) == ["submitted_at within 2d (is 2026-11-27T12:00:00+00:00): true"]


def test_editors_know_counts() -> None:
    schema = TypeAdapter(EnrichedCondition).json_schema()
    validator = jsonschema.Draft202012Validator(schema)
    for good in (PRICING, {**PRICING, "count": 3}, {"count": {"gte": 3}}):
        assert validator.is_valid({"activities": good}), good
    for bad in ({}, {"within": "week"}, {"count": {"contains": 1}}, {"all": []}):
        assert not validator.is_valid({"activities": bad}), bad
    assert validator.is_valid({"company.technologies": ["kafka"]})
    assert not validator.is_valid({"submitted_at": "2026-11-27"})
