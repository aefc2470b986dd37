"""What an answer, a deadline or the end of all questions does to waiting leads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from schemas.base import Provenance
from schemas.lead import LeadCaptured
from services.enrichment.config import EnrichmentConfig
from services.enrichment.plan import awaited, missing
from services.enrichment.revise import LeadState, Revision, answered, picture, revise


@dataclass(frozen=True, slots=True)
class Job:
    """A lead that waits for providers, because of one touch."""

    input_id: UUID
    """Of the LeadCaptured."""
    event: LeadCaptured
    traceparent: str | None

    @property
    def lead_id(self) -> UUID:
        return self.event.lead.lead_id


@dataclass(slots=True)
class Settled:
    """What to store and to publish."""

    states: dict[UUID, LeadState]
    revisions: list[tuple[Job, Revision]] = field(default_factory=list)
    published: list[UUID] = field(default_factory=list)
    """Jobs whose submission has its revision now, and that go on for a late one."""
    done: list[UUID] = field(default_factory=list)
    """Jobs with nothing left to ask for."""


def settle(
    config: EnrichmentConfig,
    states: Mapping[UUID, LeadState],
    jobs: Sequence[tuple[Job, bool]],
    values: Mapping[str, Provenance],
    *,
    at: datetime,
    over: bool,
    last: bool,
) -> Settled:
    """Settle jobs whose leads and rows are locked.

    :param jobs: each with whether its submission's revision is out already.
    :param values: what an answer brought.
    :param over: the deadline has passed.
    :param last: nobody is left to be asked.
    """
    settled = Settled({})
    known = dict(states)
    for job, published in jobs:
        before = known[job.lead_id]
        old = picture(before, job.event, at)
        state = answered(before, values)
        view = picture(state, job.event, at) if values else old
        absent = missing(config, view.facts, at)
        finished = last or not absent
        # What nobody waits for is asked on after the lead has gone out.
        ready = over or finished or not awaited(config, absent)
        first = not published and ready
        if first or (published and view.facts != old.facts):
            state, revision = revise(
                state, job.event, job.input_id, view, at=at, missing=absent, late=published
            )
            settled.revisions.append((job, revision))
        if finished:
            settled.done.append(job.input_id)
        elif first:
            settled.published.append(job.input_id)
        if state is not before:
            known[job.lead_id] = settled.states[job.lead_id] = state
    return settled
