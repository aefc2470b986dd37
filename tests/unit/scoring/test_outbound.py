"""Whom the profile lets in, and when the day's turns begin."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.base import TierName
from services.scoring.outbound import Drip, Outbound, held, opened

OUTBOUND = Outbound.model_validate(
    {
        "icp": {"company.headcount": {"gte": 50}, "company.technologies": ["kafka"]},
        "drips": [
            {"pool": "emea", "when": {"country.resolved": ["DE", "FR"]}, "per_day": 5},
            {"pool": "rest", "per_day": 9},
        ],
    }
)
FITS: dict[str, object] = {"company.headcount": 90, "company.technologies": ["kafka", "go"]}


@pytest.mark.parametrize(
    ("facts", "pool", "rule"),
    [
        ({**FITS, "country.resolved": "DE"}, "emea", "waits_for_turn:emea"),
        ({**FITS, "country.resolved": "US"}, "rest", "waits_for_turn:rest"),
        (FITS, "rest", "waits_for_turn:rest"),
        ({**FITS, "company.headcount": 9}, None, "outside_profile"),
        ({"company.headcount": 90}, None, "outside_profile"),
    ],
)
def test_who_fits_waits_for_a_pool_and_who_is_not_known_to_fit_for_none(
    facts: dict[str, object], pool: str | None, rule: str
) -> None:
    found = held(OUTBOUND, facts, TierName.WARM, released=False)
    assert found is not None
    assert (found.pool, found.line.rule, found.line.points) == (pool, rule, 0)


def test_a_turn_is_had_once_and_nurture_needs_none() -> None:
    assert held(OUTBOUND, FITS, TierName.HOT, released=True) is None
    assert held(OUTBOUND, FITS, TierName.NURTURE, released=False) is None
    assert held(OUTBOUND, {}, TierName.HOT, released=True) is not None, "still outside"
    assert held(Outbound(), {}, TierName.HOT, released=False) is None


@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-11-23T06:59:00Z", None),
        ("2026-11-23T07:00:00Z", "2026-11-23T07:00:00Z"),
        ("2026-11-23T22:59:00Z", "2026-11-23T07:00:00Z"),
        ("2026-11-23T23:30:00Z", None),
        ("2026-11-22T12:00:00Z", None),
        ("2026-07-06T06:00:00Z", "2026-07-06T06:00:00Z"),
    ],
)
def test_turns_begin_by_the_wall_clock_of_the_pool(now: str, began: str | None) -> None:
    drip = Drip.model_validate({"pool": "p", "per_day": 1, "time_zone": "Europe/Berlin"})
    at = datetime.fromisoformat(now).astimezone(UTC)
    assert opened(drip, at) == (datetime.fromisoformat(began) if began else None)
