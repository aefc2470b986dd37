"""How an owner's claim on a lead is judged: which comes first, what if the owner is away. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.routing.companies import Level


class OwnerAway(StrEnum):
    """What happens to a lead whose owner is off, on leave or paused."""

    ASSIGN = "assign"
    """The owner gets it all the same."""
    POOL = "pool"
    """The next owner in the order, then the rules."""
    BACKUP = "backup"
    """Whoever stands in for the owner; without one, as ``pool``."""
    WAIT = "wait"
    """It is held until the owner is back, where that is soon enough."""


@dataclass(frozen=True, slots=True)
class OwnerPolicy:
    """The policy of the installation."""

    away: OwnerAway = OwnerAway.ASSIGN
    wait_at_most: timedelta = timedelta(hours=4)
    """A lead waits for its owner no longer than this, from when it was first held."""
    otherwise: OwnerAway = OwnerAway.POOL
    """What follows where the owner is away for longer: ``pool`` or ``backup``."""
    order: tuple[Level, ...] = tuple(Level)
