"""Leads under another model, as a page."""

from __future__ import annotations

from uuid import UUID

from schemas.base import TierName
from services.scoring.page import bars, page
from services.scoring.simulation import Change, Verdict, summary


def moved(number: int, before: int, after: int, account: str = "acme.example") -> Change:
    """So many points before and after; from 60 on a lead is hot."""

    def verdict(points: int) -> Verdict:
        tier = TierName.HOT if points >= 60 else TierName.NURTURE
        return Verdict(tier, points >= 60, points * 100, 0, points * 100)

    why = (("headcount_500", (after - before) * 100),)
    return Change(UUID(int=number), account, verdict(before), verdict(after), why)


def test_leads_are_counted_by_points_before_and_after() -> None:
    changes = [moved(1, 85, 85), moved(2, 85, 10), moved(3, -15, 10)]
    assert [(one["name"], one["old"], one["new"]) for one in bars(changes)] == [
        ("80 to 99 points", 2, 1),
        ("0 to 19 points", 0, 2),
        ("-20 to -1 points", 1, 0),
    ]
    assert bars([]) == []


def test_the_page_says_who_moves_and_trusts_nobody() -> None:
    changes = [moved(1, 85, 10, "<script>alert(1)</script>"), moved(2, 85, 85), moved(3, 70, 5)]
    text = page("abc123", summary(changes), changes, changes[:1])
    assert "2 of 3 leads move" in text
    assert "headcount_500 -75" in text
    assert "<script>" not in text
    assert "… and 1 more." in text
    assert "<svg" in page("abc123", summary([]), [], [])
