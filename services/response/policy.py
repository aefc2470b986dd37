"""What response decides by: the time for an answer, and what follows where none comes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.kernel.answering import Rules
from services.response.plan import Cadence


@dataclass(frozen=True, slots=True)
class Policy(Rules):
    """The active configuration, as far as clocks are concerned."""

    hops: int
    feed_stale_after: timedelta
    feed_required: bool
    cadence: Cadence
    members: Mapping[str, tuple[str, ...]]
    """By pool, the reps who share it."""

    def name_of(self, rep_id: str | None) -> str:
        """A rep's name, for a sentence."""
        rep = self.reps.get(rep_id or "")
        return rep.name if rep is not None else (rep_id or "nobody")
