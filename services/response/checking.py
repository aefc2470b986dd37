"""What in ``response.yaml`` works and is a bad idea all the same: told by ``config check``. Pure.

A touch plan needs at least four touches over two channels, three to five business days apart.
Source: the follow-up figures that docs/decisions/touch-plans.md names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from services.kernel.faults import Fault
from services.response.config import PlanFile, ResponseFile

FEWEST, CHANNELS = 4, 2
APART = range(3, 6)


def findings(file: ResponseFile) -> Iterator[Fault]:
    """Every finding with its path."""
    for at, plan in enumerate(file.cadence.plans):
        for message in _of(plan):
            yield Fault(("cadence", "plans", at, "touches"), f"{plan.id} {message}")


def _of(plan: PlanFile) -> Iterator[str]:
    days = [touch.day for touch in plan.touches]
    if len(days) < FEWEST:
        yield f"has {len(days)} touches; most replies come to the fourth and later"
    if len({touch.by for touch in plan.touches}) < CHANNELS:
        yield "uses one channel only"
    for earlier, later in pairwise(days):
        if later - earlier not in APART:
            apart = "day" if later - earlier == 1 else "days"
            yield (
                f"touches on day {earlier} and day {later}, {later - earlier} {apart} apart; "
                "three to five business days are usual"
            )
