"""When a vendor is asked again, and when nobody goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.capture.fetchpolicy import Again, Over, Patience, Tries, next_step, retry_after

PATIENCE = Patience()
DAY = 86_400.0
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def after(status: int | None, tries: Tries, wait: float | None = None) -> Again | Over:
    return next_step(status, wait, tries, PATIENCE, DAY, 0.0)


def history(status: int | None, most: int = 1_000) -> tuple[list[float], str]:
    """The waits of a vendor that always gives the same answer, and how it ends."""
    waits: list[float] = []
    refusals = missings = 0
    for attempt in range(1, most):
        step = after(status, Tries(attempt, refusals, missings, sum(waits)))
        if isinstance(step, Over):
            return waits, step.reason
        waits.append(step.wait_s)
        refusals, missings = refusals + step.refused, missings + step.missing
    raise AssertionError("it never ends")


@pytest.mark.parametrize("status", [401, 403, 400, 405, 302])
def test_a_refusal_is_tried_for_half_an_hour(status: int) -> None:
    waits, reason = history(status)
    assert (len(waits), reason) == (11, "fetch_refused")
    assert 900 < sum(waits) < 3_600


def test_what_is_missing_may_come_within_seconds() -> None:
    assert history(404) == ([1, 2, 4], "fetch_missing")
    assert history(410) == ([], "fetch_missing")


@pytest.mark.parametrize("status", [None, 500, 503, 429, 408])
def test_an_outage_is_waited_out_for_as_long_as_is_configured(status: int | None) -> None:
    waits, reason = history(status)
    assert reason == "fetch_too_late"
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == 600
    assert DAY <= sum(waits) < DAY + 600


def test_only_a_limit_holds_for_all_of_a_source() -> None:
    for status in (None, 401, 404, 500, 429):
        step = after(status, Tries(1))
        assert isinstance(step, Again)
        assert step.all_of_source is (status == 429)


@given(
    status=st.sampled_from([None, 301, 401, 404, 429, 500]),
    attempts=st.integers(1, 10_000),
    asked=st.none() | st.floats(0, 1e9),
    chance=st.floats(0, 1),
)
def test_a_wait_is_never_short_of_what_was_asked_and_never_endless(
    status: int | None, attempts: int, asked: float | None, chance: float
) -> None:
    step = next_step(status, asked, Tries(attempts), PATIENCE, DAY, chance)
    assert isinstance(step, Again)
    assert min(asked or 0, 6 * 3600) <= step.wait_s <= 6 * 3600
    assert step.wait_s >= 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        (" 120 ", 120.0),
        ("Mon, 23 Nov 2026 09:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 08:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 08:00:00", None),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("9" * 40, None),
        ("٣", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
