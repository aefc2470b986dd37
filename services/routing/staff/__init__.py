"""What operators change about people, by command and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from services.routing.deciding import Clock
from services.routing.plan import Plan
from services.routing.requests import Requests
from services.routing.staff.changes import Reps
from services.routing.staff.offboarding import Offboarding
from services.routing.staff.session import Author, RepFault, UnknownRep
from services.runtime.configstore import LiveConfig
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox

__all__ = ["Author", "Offboarding", "RepFault", "Reps", "Staff", "UnknownRep"]


@dataclass(frozen=True, slots=True)
class Staff:
    """All that can be asked and changed."""

    reps: Reps
    offboarding: Offboarding

    @classmethod
    def of(
        cls,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: LiveConfig[Plan],
        clock: Clock,
        metrics: Metrics,
    ) -> Staff:
        """For a process that decides nothing itself."""
        reps = Reps(pool, outbox, config, clock)
        return cls(reps, Offboarding(reps, Requests(pool, outbox, config, clock, metrics)))
