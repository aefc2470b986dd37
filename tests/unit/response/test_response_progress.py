"""Up to when was everything read?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.response.progress import Notes

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
A, B = ("assignments.v1", 0), ("assignments.v1", 1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_partition_is_read_up_to_the_newest_time_whose_end_is_finished() -> None:
    notes = Notes()
    notes.add(at(0), {A: 10, B: 5})
    notes.add(at(1), {A: 20, B: 5})
    assert notes.read_until({A: 9, B: 5}) == {B: at(1)}
    assert notes.read_until({A: 10, B: 5}) == {A: at(0), B: at(1)}
    assert notes.read_until({A: 20, B: 5}) == {A: at(1), B: at(1)}


def test_what_is_not_ours_any_more_says_nothing() -> None:
    notes = Notes()
    notes.add(at(0), {A: 10})
    assert notes.read_until({}) == {}


def test_a_backlog_makes_it_coarser_never_wrong() -> None:
    notes = Notes()
    for second in range(2_000):
        notes.add(at(second), {A: second})
    found = notes.read_until({A: 1_500})[A]
    assert at(1_300) <= found <= at(1_500)
