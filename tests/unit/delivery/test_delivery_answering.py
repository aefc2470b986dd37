"""How soon somebody must answer, as a rep is told it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.assignment import AssignmentStatus
from services.delivery.answering import Answering
from services.delivery.brief import brief
from services.delivery.config import parse
from tests.support.changes import changed, due

TEXT = """
tiers:
  hot: {reminder: 3m, breach: 5m}
  warm: {breach: 90m}
  nurture: {}
teams:
  day: {time: wall_clock}
  fast: {tiers: {hot: {breach: 1m}, warm: {reminder: 1h}}}
"""
KNOWN = Answering.read({"response.yaml": TEXT})


@pytest.mark.parametrize(
    ("tier", "pool", "expected"),
    [
        ("hot", "other", "5 minutes of working time"),
        ("hot", "day", "5 minutes"),
        ("hot", "fast", "1 minute of working time"),
        ("warm", "fast", None),
        ("warm", None, "90 minutes of working time"),
        ("nurture", "day", None),
    ],
)
def test_what_a_tier_and_a_team_allow(tier: str, pool: str | None, expected: str | None) -> None:
    assert KNOWN.within(tier, pool) == expected


@pytest.mark.parametrize("files", [{}, {"response.yaml": "tiers: 7"}, {"response.yaml": "{"}])
def test_where_nothing_is_known_nothing_is_said(files: dict[str, str]) -> None:
    assert Answering.read(files).within("hot", None) is None


def test_the_first_message_says_how_long_a_reminder_until_when() -> None:
    within = parse({"response.yaml": TEXT}).answering.within("hot", "day")
    now = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def told(event: object, **more: object) -> str:
        return brief(event, colleagues=(), now=now, within=within, **more).text()  # type: ignore[arg-type]

    event = changed()
    assert "Answer within 5 minutes." in told(event)
    assert "Answer within" not in told(event, touch=due(event))
    assert "Answer within" not in told(changed(AssignmentStatus.ESCALATED, of=event))
