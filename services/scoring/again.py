"""Scoring known leads again, because something happened around them. Pure but for the row it moves.

Routing hears of it only where the lead came to a better tier than routing was told since the person
last submitted something: so a lead that crosses a threshold goes to routing once, and one that
drops is not taken away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.base import Lane, TierName, deterministic_id
from schemas.enrichment import LeadEnriched
from schemas.topics import scored as scored_topic
from services.runtime.configstore import Versioned
from services.runtime.records import Output, output
from services.scoring.assess import Assessed, assess_again
from services.scoring.happened import Around
from services.scoring.rules import Rules
from services.scoring.store.leads import LeadRow

_RANK = {TierName.NURTURE: 0, TierName.WARM: 1, TierName.HOT: 2}


@dataclass(frozen=True, slots=True)
class Again:
    """A lead that was scored again."""

    assessed: Assessed
    told: bool
    """Routing is to hear of it."""


def better(tier: TierName, than: str | None) -> bool:
    """Whether a tier is better than the one that was told before, if any was."""
    return than is None or _RANK[tier] > _RANK[TierName(than)]


def again(
    config: Versioned[Rules],
    row: LeadRow,
    happened: Around,
    lane: Lane,
    cause: UUID | None = None,
) -> Again | None:
    """Bring a row forward; under its lock. None for a lead of which nothing is known yet.

    :param cause: the event that told of what happened, where it was one.
    """
    if row.latest is None:
        return None
    known = LeadEnriched.read(row.latest)
    row.score_revision += 1
    assessed = assess_again(
        config.value,
        config.version,
        known,
        cause,
        row.touches,
        row.score_revision,
        happened,
        lane,
        released=row.released,
    )
    row.waits(assessed)
    told = better(assessed.event.tier, row.tier)
    if told:
        row.tier = assessed.event.tier.value
    return Again(assessed, told)


def outputs(found: Mapping[UUID, Again], at: datetime) -> Iterator[Output]:
    """What routing hears."""
    for lead, one in found.items():
        if not one.told:
            continue
        event = one.assessed.event
        yield output(
            scored_topic(event.lane),
            event.lead.account_key,
            event,
            event_id=deterministic_id(lead, "scored", event.score_revision),
            service="scoring",
            at=at,
        )
