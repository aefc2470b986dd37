"""One assignment on one line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.assignment import AssignmentChanged, AssignmentStatus
from services.cli.watch import line
from tests.support.examples import good

_RECEIVED = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)
_CHANGED = AssignmentChanged.read(good("assignment.changed.v1", "assigned")).model_copy(
    update={"received_at": _RECEIVED, "decided_at": _RECEIVED, "reason": "Because."}
)


def test_it_says_when_how_fast_who_and_why() -> None:
    text = line(_CHANGED, _RECEIVED.timestamp() + 0.042).plain
    assert _CHANGED.rep
    assert text.split() == [
        "09:00:00", "42", "ms", "assigned", str(_CHANGED.tier), _CHANGED.source,
        *_CHANGED.rep.name.split(), "Because.",
    ]  # fmt: skip


@pytest.mark.parametrize("waited", [-5.0, 60.0, 86_400.0])
def test_what_was_decided_long_ago_has_no_speed(waited: float) -> None:
    assert " ms " not in line(_CHANGED, _RECEIVED.timestamp() + waited).plain


@pytest.mark.parametrize("status", list(AssignmentStatus))
def test_columns_never_touch(status: AssignmentStatus) -> None:
    long = _CHANGED.model_copy(
        update={"status": status, "source": "a_source_with_a_long_name", "rep": None}
    )
    words = line(long, _RECEIVED.timestamp() + 1).plain.split()
    assert [status, str(long.tier), "a_source_with_a_long_name", "-", "Because."] == words[3:]


def test_what_strangers_wrote_is_no_markup() -> None:
    text = line(_CHANGED.model_copy(update={"reason": "[bold]x[/bold] [/]"}), 0.0)
    assert text.plain.endswith("[bold]x[/bold] [/]")


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = line(_CHANGED.model_copy(update={"reason": "a\x1b[2Jb\nc\x07"}), 0.0)
    assert "\x1b" not in text.plain
    assert "\n" not in text.plain
