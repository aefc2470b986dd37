"""Touch plans: business days, who is enrolled, what config check finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.response.cadence import due, refusal
from services.response.checking import findings
from services.response.config import ResponseFile
from services.response.plan import Cadence
from tests.support.assignments import LeadLife
from tests.unit.response.test_response_deadlines import business, policy, utc

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "day", "expected"),
    [
        ("2026-11-23T10:00", 1, "2026-11-23T10:00"),  # Monday, at work
        ("2026-11-23T20:00", 1, "2026-11-24T08:00"),  # in the evening: at opening
        ("2026-11-23T10:00", 2, "2026-11-24T08:00"),
        ("2026-11-26T10:00", 4, "2026-12-01T08:00"),  # over a weekend
        ("2026-11-28T12:00", 2, "2026-11-30T08:00"),  # from a Saturday on
        ("2026-12-23T10:00", 3, "2026-12-28T08:00"),  # over holidays
    ],
)
def test_days_are_business_days_and_begin_at_opening(start: str, day: int, expected: str) -> None:
    assert due(day, business(policy(), start), utc(start)) == utc(expected)


def test_without_hours_every_day_counts() -> None:
    found = due(
        4, business(policy("time: wall_clock\n"), "2026-11-23T10:00"), utc("2026-11-23T10:00")
    )
    assert found == utc("2026-11-26T10:00")


@pytest.mark.parametrize(
    ("verified", "confirmed", "why"),
    [
        (29, 89, None),
        (31, 1, "e-mail was not verified within 30 days"),
        (None, 1, "e-mail was not verified"),
        (1, 91, "role was not confirmed within 90 days"),
        (1, None, "role was not confirmed"),
    ],
)
def test_nobody_is_enrolled_whose_address_or_role_is_stale(
    verified: int | None, confirmed: int | None, why: str | None
) -> None:
    event = LeadLife().given("ana")
    ago = [NOW - timedelta(days=n) if n is not None else None for n in (verified, confirmed)]
    lead = event.lead.model_copy(update={"email_verified_at": ago[0], "role_confirmed_at": ago[1]})
    found = refusal(event.model_copy(update={"lead": lead}), Cadence(), NOW)
    assert found == why if why is None else why in str(found)


def test_too_many_bounces_are_more_than_the_share_of_enough_mail() -> None:
    plans = Cadence()
    assert not plans.too_many_bounces(49, 49)
    assert not plans.too_many_bounces(100, 5)
    assert plans.too_many_bounces(100, 6)


def _found(*touches: tuple[int, str]) -> list[str]:
    plan = {
        "id": "p",
        "tiers": ["warm"],
        "touches": [{"day": day, "by": by} for day, by in touches],
    }
    file = ResponseFile.model_validate({"cadence": {"plans": [plan]}})
    return [finding.message for finding in findings(file)]


def test_config_check_warns_of_a_plan_that_gives_up_early() -> None:
    assert _found((1, "call"), (4, "email"), (8, "linkedin"), (13, "call")) == []
    assert len(_found((1, "call"), (4, "email"), (7, "call"))) == 1
    assert "one channel" in _found((1, "call"), (4, "call"), (7, "call"), (10, "call"))[0]
    (apart,) = _found((1, "call"), (3, "email"), (6, "call"), (9, "email"))
    assert "day 1 and day 3, 2 days apart" in apart
