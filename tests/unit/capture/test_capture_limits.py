"""Rates per source, and what one network may take of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.capture.limits import LoopShare, SourceLimits


def test_a_lone_network_gets_the_whole_rate_and_then_hears_how_long_to_wait() -> None:
    limits = SourceLimits()
    passed = sum(limits.take("s", "n", 10, n / 100) == 0 for n in range(1000))
    assert 95 <= passed <= 111  # ten seconds of ten a second, and the burst
    wait = limits.take("s", "n", 10, 9.99)
    assert 0 < wait <= 0.2
    assert limits.take("s", "n", 10, 10.2) == 0


def test_a_flood_of_one_network_starves_neither_another_network_nor_another_source() -> None:
    limits = SourceLimits()
    refused = []
    for step in range(10_000):
        now = step / 1000
        for _ in range(5):
            limits.take("s", "flood", 100, now)
        if step % 200 == 0:  # five a second
            refused.append(limits.take("s", "honest", 100, now))
        assert limits.take("other", "flood", 2000, now) == 0
    assert refused == [0] * 50


def test_a_rate_that_was_changed_counts_at_once() -> None:
    limits = SourceLimits()
    while limits.take("s", "n", 2, 0) == 0:
        pass
    assert limits.take("s", "n", 4, 0) == 0


def test_a_source_of_less_than_one_a_second_lets_one_through() -> None:
    limits = SourceLimits()
    assert limits.take("s", "n", 0.5, 0) == 0
    assert limits.take("s", "n", 0.5, 1) == 1
    assert limits.take("s", "n", 0.5, 2) == 0


@given(
    steps=st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 0.5)), max_size=200),
    rate=st.floats(0.2, 20),
)
def test_no_more_than_the_rate_passes_whoever_asks(
    steps: list[tuple[str, float]], rate: float
) -> None:
    limits, now, passed = SourceLimits(), 0.0, 0
    for network, pause in steps:
        now += pause
        passed += limits.take("s", network, rate, now) == 0
    assert passed <= max(rate, 1) + now * rate + 1e-6


def test_a_flood_gets_its_part_of_the_time_and_no_more() -> None:
    """Work of 20 ms each, offered all the time, takes a quarter of 100 s and the first half."""
    share, now, worked = LoopShare(0.25, 0.5), 1000.0, 0.0
    while now < 1100.0:
        if (wait := share.wait(now)) > 0:
            now += max(wait, 0.001)
            continue
        now += 0.02
        worked += 0.02
        share.spend(0.02, now)
    assert worked == pytest.approx(25.0 + 0.5, abs=0.05)


def test_work_that_leaves_time_never_waits() -> None:
    share, now = LoopShare(0.25, 0.5), 0.0
    for _ in range(1000):
        assert share.wait(now) == 0.0
        share.spend(0.02, now + 0.02)
        now += 0.1


def test_what_was_begun_is_finished_and_paid_for() -> None:
    share = LoopShare(0.25, 0.5)
    share.spend(1.5, 10.0)
    assert share.wait(10.0) == pytest.approx(4.0)
    assert share.wait(14.0) == 0.0
