"""Touch plans as configured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from schemas.base import Motion, TierName
from schemas.touch import TouchMeans


@dataclass(frozen=True, slots=True)
class PlannedTouch:
    """One touch of a plan."""

    day: int
    """Business day, the enrolment's own is day 1."""
    by: TouchMeans


@dataclass(frozen=True, slots=True)
class TouchPlan:
    """The touches of leads of some tiers and motions."""

    id: str
    tiers: frozenset[TierName]
    motions: frozenset[Motion]
    touches: tuple[PlannedTouch, ...]


@dataclass(frozen=True, slots=True)
class Cadence:
    """The plans, and for whom they are."""

    email_verified_within: timedelta = timedelta(days=30)
    role_confirmed_within: timedelta = timedelta(days=90)
    bounce_percent: float = 5.0
    bounce_after: int = 50
    plans: tuple[TouchPlan, ...] = ()

    def plan_for(self, tier: TierName, motion: Motion) -> TouchPlan | None:
        """The first plan that fits."""
        fits = (p for p in self.plans if tier in p.tiers and motion in p.motions)
        return next(fits, None)

    def plan(self, name: str) -> TouchPlan | None:
        return next((one for one in self.plans if one.id == name), None)

    def too_many_bounces(self, sent: int, bounced: int) -> bool:
        """Whether a plan is to be paused: its list is dirty, and mail from us will soon be spam."""
        return sent >= self.bounce_after and bounced * 100 > sent * self.bounce_percent
