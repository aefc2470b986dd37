"""By what the clocks of a lead are computed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.kernel.answering import Business, Hours, Steps, business_of
from services.response.model import Lead
from services.response.policy import Policy


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a clock is computed."""

    policy: Policy
    version: str
    people: Mapping[str, Hours]
    """Hours of reps, as people.v1 tells them."""
    scale: float = 1.0

    def business(self, lead: Lead, start: datetime) -> Business:
        """The time that counts for whoever has the lead."""
        return self._of(lead.pool, lead.rep_id, lead.given_at or start)

    def held_until(self, lead: Lead, start: datetime, amount: timedelta) -> datetime:
        """When somebody who shares the pool was at work for so long and it still waits."""
        reps = self.policy.members.get(lead.pool or "", ())
        hours = [self._of(lead.pool, rep, start) for rep in reps]
        found = [one.in_hours(start, amount) for one in hours]
        known = [at for at in found if at is not None]
        return min(known) if known else self._of(lead.pool, None, start).due(start, amount)

    def _of(self, pool: str | None, rep_id: str | None, anchor: datetime) -> Business:
        heard = self.people.get(rep_id or "")
        return business_of(self.policy, pool, rep_id, heard, anchor, self.scale)

    def steps(self, lead: Lead) -> Steps:
        return self.policy.steps_of(lead.pool, lead.tier)
