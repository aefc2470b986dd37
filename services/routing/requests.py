"""Requests about an attempt, however they came: from the bus or over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast
from uuid import UUID

import asyncpg

from schemas.assignment import AssignmentRequested
from schemas.base import RoleName
from services.routing.answer import Answered, Request, answer, before
from services.routing.board import Board
from services.routing.deciding import Clock, decide_with
from services.routing.events import outputs
from services.routing.handlers import Meters
from services.routing.life import Step
from services.routing.model import Attempt, Change
from services.routing.plan import Plan
from services.routing.store import boards
from services.routing.store.boards import Scope
from services.runtime.configstore import LiveConfig, Versioned
from services.runtime.database import Connection
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record

STAGE = "routing.requests"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request met, and what came of it."""

    found: Attempt
    """The attempt as it was when the request was judged."""
    last: Attempt
    """The lead's present attempt afterwards."""
    answered: Answered

    def followed_by(self, changes: Sequence[Change]) -> Outcome:
        """With what the request did to the role before."""
        more = (*self.answered.changes, *changes)
        return replace(self, answered=replace(self.answered, changes=more))


class Requests:
    """Judges requests and carries them out, each batch in one transaction."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: LiveConfig[Plan],
        clock: Clock,
        metrics: Metrics,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """:param wake: called after a change; somebody may have become free."""
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._clock = clock
        self._meters = Meters(metrics)
        self._wake = wake

    async def handle(self, records: Sequence[Record[AssignmentRequested]]) -> Sequence[Output]:
        """The stage: a request that is stale or about nothing we know is answered with no event."""
        return await self._outbox.process(records, self._decide)

    def acknowledged(self, made: Sequence[Output]) -> None:
        self._outbox.acknowledged(made)
        self._meters.observe(made)
        if made:
            self._wake()

    async def now(self, assignment_id: UUID, request: Request) -> Outcome | None:
        """Over HTTP: decided, committed, then published; None for an unknown attempt."""
        return (await self.several([(assignment_id, request)]))[0]

    async def several(self, asked: Sequence[tuple[UUID, Request]]) -> list[Outcome | None]:
        """As :meth:`now`, in one transaction; each sees the ones before it."""
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            config = await self._config.locked(connection)
            found = await self.answer(connection, config, asked)
            changes = [
                change for one in found if one is not None for change in one.answered.changes
            ]
            made = await self._outbox.store(
                connection, outputs(config.value, changes, cause=None, stage=STAGE)
            )
        await self._outbox.release(made)
        self._meters.observe(made)
        if made:
            self._wake()
        return found

    async def _decide(
        self, connection: asyncpg.Connection, records: Sequence[Record[AssignmentRequested]]
    ) -> Mapping[UUID, Sequence[Output]]:
        config = await self._config.locked(connection)
        asked = [(record.event.assignment_id, _request(record.event)) for record in records]
        outcomes = await self.answer(connection, config, asked)
        return {
            record.id: outputs(
                config.value,
                outcome.answered.changes if outcome is not None else (),
                cause=record.id,
                stage=STAGE,
                traceparent=record.envelope.traceparent,
            )
            for record, outcome in zip(records, outcomes, strict=True)
        }

    async def answer(
        self,
        connection: Connection,
        config: Versioned[Plan],
        asked: Sequence[tuple[UUID, Request]],
    ) -> list[Outcome | None]:
        """One outcome per request, in order; each sees the ones before it."""
        plan = config.value
        # Read without a lock, only to learn what must be locked; an attempt never changes its lead.
        known = await boards.attempts(connection, {id_ for id_, _ in asked})
        scope = _scope(plan, known.values(), {request.to_pool for _, request in asked})
        await boards.lock(connection, plan, scope)
        known = await boards.attempts(connection, known)

        outcomes: list[Outcome | None] = [None] * len(asked)
        for role in RoleName:
            mine = [
                (at, known[id_], request)
                for at, (id_, request) in enumerate(asked)
                if id_ in known and known[id_].role is role
            ]
            if mine:
                found = await self._of_role(connection, config, scope, role, mine)
                for (at, _, _), outcome in zip(mine, found, strict=True):
                    outcomes[at] = outcome
        return outcomes

    async def _of_role(
        self,
        connection: Connection,
        config: Versioned[Plan],
        scope: Scope,
        role: RoleName,
        mine: Sequence[tuple[int, Attempt, Request]],
    ) -> list[Outcome]:
        def work(board: Board) -> list[Outcome]:
            return [_one(board, attempt, request) for _, attempt, request in mine]

        found = await decide_with(connection, config, self._clock, scope, work, role)
        done = [isinstance(outcome.answered.verdict, Step) for outcome in found]
        if role is RoleName.SDR or not any(done):
            return found

        def work_before(board: Board) -> list[list[Change]]:
            return [
                before(board, outcome.found, request) if is_done else []
                for outcome, is_done, (_, _, request) in zip(found, done, mine, strict=True)
            ]

        first = RoleName.SDR
        more = await decide_with(connection, config, self._clock, scope, work_before, first)
        return [outcome.followed_by(own) for outcome, own in zip(found, more, strict=True)]


def _one(board: Board, attempt: Attempt, request: Request) -> Outcome:
    attempt = board.dirty_attempts.get(attempt.assignment_id, attempt)
    lead = board.lead_of(attempt)
    assert lead.scored is not None  # the scope asks for it
    answered = answer(board, attempt, lead.scored, request)
    return Outcome(attempt, board.lead_of(attempt).last or attempt, answered)


def _request(event: AssignmentRequested) -> Request:
    return Request(
        event.action,
        event.rep_id,
        event.reason,
        event.expected_status,
        to=event.to_rep_id,
        correction=event.correction,
        hand_back=event.hand_back,
        claim=event.claim,
        divert=event.divert,
    )


def _scope(plan: Plan, found: Collection[Attempt], to: Collection[str | None]) -> Scope:
    """:param to: pools that leads are asked to move to."""
    pools = {pool for pool in to if pool is not None}
    for attempt in found:
        pools |= plan.reachable(attempt.pool)
        if attempt.turn is not None:
            pools.add(attempt.turn.pool)
    return Scope(
        leads={attempt.lead_id: 0 for attempt in found},
        accounts=frozenset(attempt.account_key for attempt in found),
        pools=frozenset(pools),
        returned=frozenset(one.rep_id for one in found if one.rep_id is not None),
    )
