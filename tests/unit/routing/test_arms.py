"""The intervals against published values, and the report of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from services.routing.review.arms import Counts, Interval, difference, report, wilson
from services.routing.splitting import Arm, Split

SPLIT = Split("fast-lane", (Arm("usual", 90, "desk"), Arm("new", 10, "other")))


def counts(arm: str, leads: int, assigned: int, won: int) -> Counts:
    return Counts(
        arm, leads, held=leads - assigned, nurtured=0, assigned=assigned, accepted=0, touched=0,
        qualified=0, won=won, p50_s=1.5, p90_s=60.0,
    )  # fmt: skip


# Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_rate_has_the_bounds_that_are_published(
    hits: int, total: int, low: float, high: float
) -> None:
    found = wilson(hits, total)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


# Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10: examples a to c.
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((2, 7), (6, 7), 0.0582, 0.8062),
    ],
)
def test_a_difference_has_the_bounds_that_are_published(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    first, second = wilson(*one), wilson(*other)
    assert first is not None
    assert second is not None
    found = difference(first, second)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_no_leads_have_no_rate() -> None:
    assert wilson(0, 0) is None
    assert wilson(5, 5) == Interval(1.0, pytest.approx(0.5655, abs=1e-4), 1.0)


def test_the_first_arm_is_the_one_to_compare_with() -> None:
    found = report("fast-lane", SPLIT, [counts("new", 100, 90, 30), counts("usual", 900, 800, 90)])
    usual, new = found["arms"]
    assert (found["compared_with"], found["leads"], usual["arm"]) == ("usual", 1000, "usual")
    assert (usual["expected_share"], usual["share"], new["share"]) == (0.9, 0.9, 0.1)
    assert usual["won"]["against_first"] is None
    assert new["won"]["against_first"]["value"] == 0.2
    assert new["won"]["against_first"]["low"] > 0


def test_an_arm_that_is_no_longer_configured_is_told_and_one_without_leads_too() -> None:
    found = report("fast-lane", SPLIT, [counts("gone", 4, 4, 0)])
    by_name: Mapping[str, Any] = {one["arm"]: one for one in found["arms"]}
    assert list(by_name) == ["usual", "new", "gone"]
    assert (by_name["gone"]["weight"], by_name["new"]["won"]["rate"]) == (None, None)
    assert report("over", None, [counts("a", 1, 1, 1)])["running"] is False
