"""The books of an outside observer balance, whatever the order in which records are seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.assignment import AssignmentChanged, AssignmentStatus, Diverted
from schemas.submission import SubmissionQuarantined
from services.cli.ends import ENDS, Books, latency_ms
from tests.support.examples import good

_RECEIVED = datetime(2026, 11, 23, 9, tzinfo=UTC)
_T0 = _RECEIVED.timestamp()
_CHANGED = AssignmentChanged.read(good("assignment.changed.v1", "assigned"))
_SET_ASIDE = SubmissionQuarantined.read(good("submission.quarantined.v1", "unparsable"))
_SUBMISSION = [UUID(int=number) for number in range(1, 6)]
_ATTEMPT = [UUID(int=100 + number) for number in range(5)]


def _changed(
    submission: int | None, sequence: int, status: str = "assigned", attempt: int = 0
) -> AssignmentChanged:
    return _CHANGED.model_copy(
        update={
            "submission_id": None if submission is None else _SUBMISSION[submission],
            "sequence": sequence,
            "status": AssignmentStatus(status),
            "assignment_id": _ATTEMPT[attempt],
            "received_at": _RECEIVED,
        }
    )


def _aside(submission: int, disposition: str) -> SubmissionQuarantined:
    return _SET_ASIDE.model_copy(
        update={"submission_id": _SUBMISSION[submission], "disposition": disposition}
    )


@dataclass(frozen=True)
class Step:
    """One record, to be booked."""

    name: str
    book: Callable[[Books], None]


def _assignment(event: AssignmentChanged, at: float) -> Step:
    return Step(f"{event.status} {event.sequence}", lambda books: books.assignment(event, at))


# One lead: held, assigned after the hold, a second touch of its owner; a released one; a dead one
# that was replayed in vain; a rejected one; a reassignment that nobody submitted.
_STORY = [
    _assignment(_changed(0, 1, "held"), _T0 + 0.1),
    _assignment(_changed(0, 2, "assigned"), _T0 + 60),
    _assignment(_changed(1, 3, "assigned"), _T0 + 61),
    _assignment(_changed(2, 1, "assigned", attempt=1), _T0 + 0.25),
    _assignment(_changed(None, 2, "rejected", attempt=1), _T0 + 70),
    _assignment(_changed(None, 3, "reassigned", attempt=2), _T0 + 70),
    Step("quarantined", lambda books: books.quarantined(_aside(2, "quarantined"))),
    Step("rejected", lambda books: books.quarantined(_aside(3, "rejected"))),
    Step("dead", lambda books: books.dead_lettered(_SUBMISSION[4])),
    Step("dead too", lambda books: books.dead_lettered(_SUBMISSION[3])),
]


def _account(steps: Sequence[Step]) -> dict[str, object]:
    books = Books()
    for submission in _SUBMISSION:
        books.answered(submission, "accepted")
    for step in steps:
        step.book(books)
    assert books.ended == 5
    return books.summary()


@given(st.permutations(_STORY), st.lists(st.sampled_from(_STORY), max_size=10))
def test_any_order_and_any_repeat_give_the_same_account(
    order: list[Step], repeated: list[Step]
) -> None:
    assert _account([*order, *repeated]) == {
        "accepted": 5,
        "duplicates": 0,
        "assigned": 1,
        "held": 1,
        "nurtured": 0,
        "merged": 1,
        "diverted": 0,
        "quarantined": 0,
        "rejected": 1,
        "dead_lettered": 1,
        "unaccounted": 0,
        "latency_ms": {"p50": 250.0, "p90": 250.0, "p99": 250.0, "max": 250.0},
    }


@pytest.mark.parametrize("status", ["assigned", "held", "nurtured"])
def test_the_first_change_of_a_submission_is_its_end(status: str) -> None:
    books = Books()
    books.answered(_SUBMISSION[0], "accepted")
    assert books.unaccounted == {_SUBMISSION[0]}
    books.assignment(_changed(0, 1, status), _T0)
    books.assignment(_changed(0, 2, "rejected"), _T0)
    assert books.end_of(_SUBMISSION[0]) == status
    assert not books.unaccounted


@pytest.mark.parametrize("before", ["assigned", "accepted", "re_engaged"])
@pytest.mark.parametrize("status", ["assigned", "accepted", "re_engaged"])
def test_a_lead_that_somebody_owns_is_merged(before: str, status: str) -> None:
    books = Books()
    books.answered(_SUBMISSION[0], "accepted")
    books.met(_changed(None, 4, before))
    books.assignment(_changed(0, 5, status), _T0)
    assert books.end_of(_SUBMISSION[0]) == "merged"
    assert books.speed_ms()["max"] is None


@pytest.mark.parametrize("before", ["held", "nurtured"])
def test_a_lead_that_waited_and_moves_up_is_assigned(before: str) -> None:
    books = Books()
    for submission in _SUBMISSION[:2]:
        books.answered(submission, "accepted")
    books.met(_changed(None, 4, before))
    books.assignment(_changed(0, 5, before), _T0)
    books.assignment(_changed(1, 6, "assigned"), _T0)
    assert [books.end_of(one) for one in _SUBMISSION[:2]] == ["merged", "assigned"]


def test_a_retry_is_a_duplicate_however_it_was_answered() -> None:
    books = Books()
    for status in ("accepted", "duplicate", "accepted"):
        books.answered(_SUBMISSION[0], status)
    assert (books.summary()["accepted"], books.duplicates) == (1, 2)


def test_what_is_no_lead_is_diverted_once_and_its_repeats_are_merged() -> None:
    books = Books()
    for at, sequence in ((0, 1), (1, 2)):
        closed = _changed(at, sequence, "closed")
        over = closed.model_copy(update={"diverted": Diverted(kind="support")})
        books.answered(_SUBMISSION[at], "accepted")
        books.assignment(over, _T0 + sequence)
    assert [books.end_of(one) for one in _SUBMISSION[:2]] == ["diverted", "merged"]


def test_what_somebody_else_sent_is_not_counted() -> None:
    books = Books()
    books.assignment(_changed(0, 1), _T0 + 1)
    books.dead_lettered(_SUBMISSION[1])
    summary = books.summary()
    assert [summary[end] for end in ENDS] == [0] * len(ENDS)
    assert books.speed_ms()["p50"] is None


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300))
def test_percentiles_are_values_that_were_measured_at_the_nearest_rank(waits: list[float]) -> None:
    ordered = sorted(waits)
    found = latency_ms(waits)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)):
        rank = math.ceil(round(share * len(ordered), 9))
        assert found[name] == round(1000 * ordered[rank - 1], 1)


def test_nothing_measured_is_null() -> None:
    assert latency_ms([]) == {"p50": None, "p90": None, "p99": None, "max": None}
