"""LeadCaptured in, LeadEnriched out; or a job, where a provider may know more. Nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.base import Lane
from schemas.lead import LeadCaptured, Repeat
from services.enrichment import store
from services.enrichment.config import EnrichmentConfig
from services.enrichment.offline import company_domain
from services.enrichment.plan import awaited, missing, questions, subject, unaskable
from services.enrichment.providers.contract import Outcome, Question
from services.enrichment.publish import to_output
from services.enrichment.revise import (
    LeadState,
    Picture,
    Revision,
    answered,
    picture,
    revise,
    touched,
)
from services.enrichment.settle import Job
from services.runtime.database import Connection
from services.runtime.metrics import Metrics
from services.runtime.outbox import Decided, Outbox
from services.runtime.records import Output, Record


@dataclass(frozen=True, slots=True)
class _Seen:
    """A record with what is known after it."""

    record: Record[LeadCaptured]
    view: Picture
    missing: frozenset[str]
    open: tuple[Question, ...]
    """Questions that somebody could answer; empty where there is nothing to wait for."""


class Enricher:
    """The handler of one lane."""

    def __init__(
        self,
        lane: Lane,
        outbox: Outbox,
        config: Callable[[], EnrichmentConfig],
        now: Callable[[], datetime],
        wake: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        """:param wake: called after the commit of a batch that stored jobs."""
        self._lane = lane
        self._outbox = outbox
        self._config = config
        self._now = now
        self._wake = wake
        self._metrics = metrics

    async def handle(self, records: Sequence[Record[LeadCaptured]]) -> Sequence[Output]:
        """One batch, one transaction."""
        stored: list[store.NewJob] = []
        skipped: list[str] = []

        async def decide(conn: Connection, fresh: Sequence[Record[LeadCaptured]]) -> Decided:
            decided, seen = await self._decide(conn, fresh, stored)
            skipped.extend(await self._skip(conn, seen))
            return decided

        outputs = await self._outbox.process(records, decide)
        for provider in skipped:
            self._metrics.provider_calls.labels(provider, Outcome.SKIPPED.value).inc()
        if stored:
            self._wake()
        return outputs

    async def _decide(
        self,
        conn: Connection,
        records: Sequence[Record[LeadCaptured]],
        stored: list[store.NewJob],
    ) -> tuple[Decided, list[_Seen]]:
        config, at = self._config(), self._now()
        leads = {one.event.lead.lead_id: one.event.lead.account_key for one in records}
        domains = {one.event.lead.lead_id: company_domain(one.event.lead) for one in records}
        states = await store.lock(conn, leads, domains)
        seen = [_look(config, states, one, at) for one in records]
        seen = await _recall(conn, config, states, seen, at)
        revisions: list[tuple[Record[LeadCaptured], Revision]] = []
        jobs: list[store.NewJob] = []
        for one in seen:
            asks = one.open and one.record.event.repeat is not Repeat.DOUBLE_SUBMIT
            waits = bool(asks and awaited(config, one.missing))
            if asks:
                jobs.append(_job(config, one, published=not waits))
            if not waits:
                revisions.append((one.record, _revise(states, one, at)))
        if jobs:
            await store.add_jobs(conn, jobs, self._lane)
            stored.extend(jobs)
        made = {
            record.id: [to_output(revision, record.envelope.traceparent)]
            for record, revision in revisions
        }
        write = store.write(states.values(), [(r.id, revision) for r, revision in revisions])
        return Decided(made, write), seen

    async def _skip(self, conn: Connection, seen: Sequence[_Seen]) -> list[str]:
        """Say in the ledger who cannot be asked about leads of which too little is known for any
        question; of the others the worker says it."""
        config = self._config()
        places = {
            (one.record.event.lead.lead_id, *place)
            for one in seen
            if one.missing and not one.open
            for place in unaskable(config, one.missing, subject(one.view.lead, one.view.facts))
        }
        return await store.skip(conn, self._lane, places) if places else []


def _look(
    config: EnrichmentConfig,
    states: dict[UUID, LeadState],
    record: Record[LeadCaptured],
    at: datetime,
) -> _Seen:
    """Add the touch to its lead's state and see what is missing then."""
    lead_id = record.event.lead.lead_id
    states[lead_id] = touched(states[lead_id], record.event, record.id)
    return _view(config, states[lead_id], record, at)


def _view(
    config: EnrichmentConfig,
    state: LeadState,
    record: Record[LeadCaptured],
    at: datetime,
    asked: frozenset[str] = frozenset(),
) -> _Seen:
    view = picture(state, record.event, at)
    absent = missing(config, view.facts, at)
    if not absent:
        return _Seen(record, view, absent, ())
    about = subject(view.lead, view.facts)
    return _Seen(record, view, absent, tuple(questions(config, absent, about, asked)))


async def _recall(
    conn: Connection,
    config: EnrichmentConfig,
    states: dict[UUID, LeadState],
    seen: list[_Seen],
    at: datetime,
) -> list[_Seen]:
    """Use answers that were given before, misses included; asks nothing where nothing is open."""
    wanted = {(q.provider, q.key): q for one in seen for q in one.open}
    if not wanted:
        return seen
    kept = await store.answers(conn, list(wanted.values()))
    recalled = []
    for one in seen:
        known = [q for q in one.open if (q.provider, q.key) in kept]
        if known:
            lead_id = one.record.event.lead.lead_id
            for question in known:
                values = kept[question.provider, question.key]
                states[lead_id] = answered(states[lead_id], values)
            asked = frozenset(question.place for question in known)
            one = _view(config, states[lead_id], one.record, at, asked)
        recalled.append(one)
    return recalled


def _revise(states: dict[UUID, LeadState], one: _Seen, at: datetime) -> Revision:
    event = one.record.event
    lead_id = event.lead.lead_id
    states[lead_id], revision = revise(
        states[lead_id], event, one.record.id, one.view, at=at, missing=one.missing
    )
    return revision


def _job(config: EnrichmentConfig, one: _Seen, *, published: bool) -> store.NewJob:
    record = one.record
    job = Job(record.id, record.event, record.envelope.traceparent)
    seconds = config.budgets.of(record.event.lane, record.event.kind)
    return store.NewJob(job, record.value, seconds, published)
