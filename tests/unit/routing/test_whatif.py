"""Suppositions in a few words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.routing.overlay import Kind
from services.routing.review.whatif import Unclear, understood, window

FRIDAY = date(2026, 11, 27)
REPS = ["dana.reed", "ben.ode", "ben.yun"]


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("dana away next week", date(2026, 11, 30), date(2026, 12, 6)),
        ("Dana away", date(2026, 11, 30), date(2026, 12, 6)),
        ("dana.reed away this week", FRIDAY, date(2026, 11, 29)),
        ("dana away today", FRIDAY, FRIDAY),
        ("dana away tomorrow", date(2026, 11, 28), date(2026, 11, 28)),
        ("dana away 2026-12-24..2026-12-31", date(2026, 12, 24), date(2026, 12, 31)),
        ("dana away 2026-12-24", date(2026, 12, 24), date(2026, 12, 24)),
    ],
)
def test_days_away(words: str, first: date, last: date) -> None:
    found = understood(words, FRIDAY, REPS)
    assert (found.change.rep_id, found.change.kind) == ("dana.reed", Kind.LEAVE)
    assert (found.first, found.last) == (first, last)
    assert (found.change.leave.first, found.change.leave.last) == (first, last)


def test_leaving_and_caps_are_about_next_week() -> None:
    left, cap = understood("dana left", FRIDAY, REPS), understood("dana cap day=5", FRIDAY, REPS)
    assert (left.change.kind, cap.change.kind) == (Kind.LEFT, Kind.CAP)
    assert cap.change.value == {"day": 5}
    assert left.first == cap.first == date(2026, 11, 30)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("dana", "say REP away next week"),
        ("dan away next week", "unknown rep dan"),
        ("ben away next week", "which of ben.ode, ben.yun"),
        ("dana away some day", "is no time"),
        ("dana away 2026-12-31..2026-12-24", "ends before it begins"),
        ("dana away 9999-12-30..9999-12-31", "more than a year"),
        ("dana away 0001-01-01", "more than a year"),
        ("dana cap lots", "is no cap"),
    ],
)
def test_what_is_unclear_is_said(words: str, said: str) -> None:
    with pytest.raises(Unclear, match=said):
        understood(words, FRIDAY, REPS)


def test_the_traffic_for_it_is_of_the_latest_whole_weeks() -> None:
    now = datetime(2026, 11, 27, 21, tzinfo=UTC)
    since, until, back = window([understood("dana away next week", FRIDAY, REPS)], now)
    assert (since, until) == (
        datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 7, tzinfo=UTC),
    )  # fmt: skip
    assert until - back <= now < until - back + timedelta(days=7)
