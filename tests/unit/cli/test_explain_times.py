"""When things happened, where one service's clock runs ahead of the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.cli.explain import as_it_happened, in_order, on_one_clock

T = datetime(2026, 11, 28, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)


def decision(sequence: int, seconds: float, attempt: UUID) -> dict[str, Any]:
    return {"sequence": sequence, "at": T + timedelta(seconds=seconds), "assignment_id": attempt}


def line(seconds: float, attempt: UUID | None) -> dict[str, Any]:
    return {"at": T + timedelta(seconds=seconds), "assignment_id": attempt}


def seconds(shown: dict[int, datetime]) -> list[float]:
    return [(at - T).total_seconds() for at in shown.values()]


def test_times_stay_where_the_clocks_agree() -> None:
    decisions = [decision(1, 0, ONE), decision(2, 305, ONE), decision(3, 305, TWO)]
    beside = [line(0.2, ONE), line(300, ONE), line(305.5, TWO)]
    assert seconds(as_it_happened(decisions, beside)) == [0, 305, 305]


def test_a_clock_that_is_ahead_is_set_back_to_what_happened() -> None:
    decisions = [decision(1, 60, ONE), decision(2, 360, ONE), decision(3, 361, TWO)]
    beside = [line(1, ONE), line(4, ONE), line(6, ONE), line(6.5, TWO), line(30, None)]
    shown = as_it_happened(decisions, beside)
    assert seconds(shown) == [1, 6, 6.5]
    order = [one.get("sequence") for one in in_order(decisions, beside)]
    assert order == [1, None, None, 2, None, 3, None, None]


def test_what_a_decision_says_of_its_time_is_real_time_too() -> None:
    record = {
        "at": (T + timedelta(seconds=60)).isoformat(), "config": "c1", "tier": "hot",
        "rule": "r", "rule_path": "p", "outcome": {"status": "nurtured", "how": "nurture"},
    }  # fmt: skip
    decisions = [{**decision(1, 60, ONE), "record": record}]
    [told] = on_one_clock(decisions, [line(1, ONE), line(3, ONE)])
    assert told["at"] == T + timedelta(seconds=1)
    assert told["routing_clock"] == T + timedelta(seconds=60)
    assert told["words"][0].startswith(f"decided at {told['at'].isoformat()} ")
    assert told["record"] == record, "what is stored stays as it is"
    [same] = on_one_clock(decisions, [line(61, ONE)])
    assert "routing_clock" not in same
    assert same["words"][0].startswith(f"decided at {record['at']} ")


def test_no_decision_comes_after_the_next_one() -> None:
    decisions = [decision(1, 60, ONE), decision(2, 360, ONE), decision(3, 361, TWO)]
    # The message about the first attempt changed when the second had begun.
    beside = [line(1, ONE), line(7, ONE), line(6.5, TWO)]
    assert seconds(as_it_happened(decisions, beside)) == [1, 6.5, 6.5]
