"""LeadScored in, AssignmentChanged out: exactly one end for each submission."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from schemas.base import Lane
from schemas.score import LeadScored
from services.routing import decide
from services.routing.board import Board
from services.routing.deciding import Clock, decide_and_tell
from services.routing.events import Tag, outputs
from services.routing.fields import Standing
from services.routing.finding import locked_accounts_of
from services.routing.matching import Match
from services.routing.model import Change
from services.routing.plan import Plan
from services.routing.store.boards import Scope
from services.runtime.configstore import LiveConfig
from services.runtime.database import meanwhile
from services.runtime.metrics import Metrics
from services.runtime.outbox import Decided, Outbox
from services.runtime.records import Output, Record

NAMES = {Lane.LIVE: "routing", Lane.BULK: "routing.bulk"}


class Router:
    """The handler of one lane."""

    def __init__(
        self,
        lane: Lane,
        outbox: Outbox,
        config: LiveConfig[Plan],
        clock: Clock,
        metrics: Metrics,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """:param wake: called where a lead joined the queue of a pool that has somebody free."""
        self._stage = NAMES[lane]
        self._outbox = outbox
        self._config = config
        self._clock = clock
        self._meters = Meters(metrics)
        self._wake = wake

    async def handle(self, records: Sequence[Record[LeadScored]]) -> Sequence[Output]:
        """One batch, one transaction."""
        return await self._outbox.process(records, self._decide)

    def acknowledged(self, made: Sequence[Output]) -> None:
        """The broker has them: mark, and measure what was decided now."""
        self._outbox.acknowledged(made)
        self._meters.observe(made)

    async def _decide(
        self, connection: asyncpg.Connection, records: Sequence[Record[LeadScored]]
    ) -> Decided:
        events = [record.event for record in records]
        looking = locked_accounts_of(connection, self._config, {e.lead.lead_id: e for e in events})
        (config, found), alone = await meanwhile(
            looking, lambda: [Standing.alone(one) for one in events]
        )
        standing = [one.at_account(found[one.event.lead.lead_id].company) for one in alone]
        scope = scope_of(config.value, standing, found, self._clock())

        def work(board: Board) -> list[tuple[Record[LeadScored], list[Change]]]:
            return [(one, decide.scored(board, one.event, one.id)) for one in records]

        def tell(
            decided: list[tuple[Record[LeadScored], list[Change]]],
        ) -> dict[UUID, Sequence[Output]]:
            if any(change.end == "held" for _, changes in decided for change in changes):
                self._wake()
            return {
                record.id: outputs(
                    config.value,
                    changes,
                    cause=record.id,
                    stage=self._stage,
                    traceparent=record.envelope.traceparent,
                )
                for record, changes in decided
            }

        told, history = await decide_and_tell(connection, config, self._clock, scope, work, tell)
        return Decided(told, history)


def scope_of(
    plan: Plan, standing: Sequence[Standing], found: Mapping[UUID, Match], now: datetime
) -> Scope:
    """What the decisions about these events may read and change."""
    leads: dict[UUID, int] = {}
    pools: set[str] = set()
    for one in standing:
        lead_id, revision = one.event.lead.lead_id, one.event.score_revision
        leads[lead_id] = min(leads.get(lead_id, revision), revision)
        pools |= plan.reachable(plan.first_role.target_of(one.at(now)).pool)
    accounts = frozenset(one.event.lead.account_key for one in standing)
    last = {one.event.lead.lead_id: one for one in standing}
    return Scope(leads, accounts, frozenset(pools), standing=last).with_matches(found)


class Meters:
    """What routing measures when the broker has acknowledged a decision."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def observe(self, made: Sequence[Output]) -> None:
        """Only fresh decisions carry a tag; what is published again is not measured again."""
        now = datetime.now(UTC)  # real time, whatever clock decides
        for out in made:
            if isinstance(out.tag, Tag):
                self._one(out.tag, now)

    def _one(self, tag: Tag, now: datetime) -> None:
        metrics = self._metrics
        if tag.waited is not None:
            metrics.hold.labels(tag.tier.value).observe(tag.waited.total_seconds())
        if tag.end is None:
            return
        metrics.submissions.labels(tag.source, tag.end).inc()
        if tag.end == "assigned" and tag.waited is None:
            seconds = max(0.0, (now - tag.received_at).total_seconds())
            metrics.assignment_latency.labels(tag.lane.value, tag.tier.value).observe(seconds)
