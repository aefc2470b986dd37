"""The consumer's side of reading people from vendors: which records wait, and which are complete.

A submission that was completed comes again on its own topic. That it is one of ours, and what was
fetched for it, is looked up in the database: anybody who may write to a partner's topic can name
any cause.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from schemas.base import event_id
from schemas.submission import SubmissionReceived
from services.capture import events
from services.capture.store import fetches
from services.runtime.database import Connection
from services.runtime.records import Record
from services.runtime.stage.dead_letter import REPLAYS

Received = Record[SubmissionReceived]


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a batch has to do with jobs."""

    records: Sequence[Received]
    """Those that we did not complete ourselves are without ``fetched``."""
    delivered: frozenset[UUID]
    """Records whose delivery was counted when their job was stored."""


async def recognise(
    conn: Connection, records: Sequence[Received], released: Collection[UUID]
) -> Recognised:
    """Tell completed submissions, and dead letters that were put back, from what is new.

    :param released: records that a person let out of quarantine, with what was fetched for them.
    """
    causes = {r.event.causation_id for r in records if r.event.causation_id is not None}
    answers = await fetches.answered(conn, causes)
    replayed = {r.id: count for r in records if (count := _replays(r)) > 0}
    given_up = await fetches.given_up(conn, replayed.keys())
    ours = {r.id for r in records if _is_answer(r, answers)}
    trusted = ours.union(released)
    opened = {known for known, count in given_up.items() if replayed[known] > count}
    return Recognised(
        [r if r.id in trusted or r.event.fetched is None else _without(r) for r in records],
        frozenset(ours | opened),
    )


def is_new(record: Received) -> bool:
    """Whether it has nothing to do with a job, a quarantined submission or a dead letter."""
    event = record.event
    return event.causation_id is None and event.fetched is None and not _replays(record)


async def order(conn: Connection, records: Sequence[Received]) -> None:
    """Store a job for each of the records, in the transaction that claims their deliveries."""
    if records:
        jobs = [fetches.NewJob(job_id(record.id), record, _replays(record)) for record in records]
        await fetches.add(conn, jobs)


def job_id(input_id: UUID) -> UUID:
    """The job of a record; the cause of what it completes."""
    return event_id(input_id, "capture.fetch", input_id, 0)


def _is_answer(record: Received, answers: dict[UUID, fetches.Answered]) -> bool:
    event = record.event
    known = answers.get(event.causation_id) if event.causation_id is not None else None
    if known is None or event.fetched is None or known.submission_id != event.submission_id:
        return False
    digest = hashlib.sha256(event.fetched).hexdigest()
    return digest == known.fetched_sha256 and record.id == events.submission_event_id(event)


def _without(record: Received) -> Received:
    return replace(record, event=record.event.model_copy(update={"fetched": None}))


def _replays(record: Received) -> int:
    given = dict(record.headers).get(REPLAYS, b"")
    return int(given) if given.isdigit() and len(given) < 9 else 0
