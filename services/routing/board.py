"""The state of one deciding transaction: what was loaded, and what the decisions so far changed.

Each decision of a batch sees the ones before it. The store loads a board under locks and saves what
is dirty afterwards; in between nothing here touches a database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2s
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from schemas.assignment import AssignmentStatus
from schemas.base import Motion, RoleName
from schemas.score import LeadScored
from services.kernel.people import Caps, Overlay, Pool, Rep
from services.routing.eligibility import Barred, away
from services.routing.fairness import Turn
from services.routing.model import (
    Attempt,
    Change,
    LeadState,
    Load,
    Origin,
    Waiting,
)
from services.routing.plan import Plan
from services.routing.policy import RuleSet

QUEUE_SEEN = 20
"""Of those who wait for a pool, the first so many are looked at."""

TurnKey = tuple[str, str]
"""Pool and tier group."""


class NeedsPools(Exception):
    """The decision reached pools that are not locked: lock them too, and decide again."""

    def __init__(self, pools: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(pools)))
        self.pools = pools


@dataclass(frozen=True, slots=True)
class Colleague:
    """An active attempt for somebody at the same account."""

    lead_id: UUID
    rep_id: str
    pool: str | None
    since: datetime


@dataclass(slots=True)
class Tape:
    """What one decision read of the board, so that it can be repeated from its record.

    Turns stand in the record itself, with the arithmetic of the choice; what operators changed by
    command is stored once for all decisions that saw it (:meth:`Board.overlays_key`).
    """

    loads: dict[str, Load] = field(default_factory=dict)
    """As they were when first read."""
    waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    """By pool; who was looked at."""
    colleagues: list[Colleague] = field(default_factory=list)


@dataclass(slots=True)
class Loaded:
    """What the store found under the locks."""

    leads: dict[UUID, LeadState] = field(default_factory=dict)
    colleagues: dict[str, dict[UUID, Colleague]] = field(default_factory=dict)
    turns: dict[TurnKey, dict[str, Turn]] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)
    """Of the reps who have caps."""
    returned: dict[str, int] = field(default_factory=dict)
    """Turns that were given back to a rep today."""
    overlays: dict[str, Overlay] = field(default_factory=dict)
    """What operators changed by command."""
    waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    """The first held leads of each pool, in rank order."""


class Board:
    """Mutable, single use, one per transaction."""

    def __init__(
        self,
        plan: Plan,
        version: str,
        now: datetime,
        locked: frozenset[str],
        loaded: Loaded,
        role: RoleName = RoleName.SDR,
    ) -> None:
        """:param role: whose attempts were loaded, and are decided about."""
        self.plan = plan
        self.version = version
        self.now = now
        self.role = role
        self.loaded = loaded
        self._locked = locked
        self.dirty_leads: dict[UUID, LeadState] = {}
        self.dirty_attempts: dict[UUID, Attempt] = {}
        self.dirty_turns: set[tuple[str, str, str]] = set()
        self.changes: list[Change] = []
        self.new_scores: set[UUID] = set()
        self.burst: int | None = None
        """Most leads that one rep gets in this transaction; None for no limit."""
        self.served: Counter[str] = Counter()
        self.surveys: dict[Any, Any] = {}
        """Kept by :mod:`candidates`."""
        self.seats: dict[str, Any] = {}
        """Kept by :mod:`seats`."""
        self.tape = Tape()
        """Of the present decision."""

    @cached_property
    def overlays_key(self) -> str | None:
        """Names what operators changed by command, by its content; None where they did not."""
        if not self.loaded.overlays:
            return None
        content = to_json(sorted(self.loaded.overlays.items()))
        return blake2s(content, digest_size=8).hexdigest()

    @property
    def rules(self) -> RuleSet:
        """Of the role; the first role's where a configuration no longer knows it."""
        return self.plan.rule_set(self.role) or self.plan.first_role

    # -- reading ------------------------------------------------------------------------------
    def lead(self, lead_id: UUID, account_key: str) -> LeadState:
        return self.loaded.leads.get(lead_id) or LeadState(lead_id, account_key)

    def away(self, rep_id: str) -> Barred | None:
        """As :func:`eligibility.away`, worked out once per rep and minute."""
        overlay = self.loaded.overlays.get(rep_id)
        if overlay is not None:
            return away(self.plan.rep(rep_id), self.plan.calendars, self.now, overlay)
        return self.plan.away(rep_id, self.now)

    def caps(self, rep: Rep) -> Caps:
        """What bounds a person now: as configured, or as changed by command."""
        overlay = self.loaded.overlays.get(rep.id)
        return rep.caps if overlay is None else rep.caps.changed(overlay.caps)

    @property
    def capped(self) -> frozenset[str]:
        """The reps whose leads must be counted."""
        changed = (rep for rep, overlay in self.loaded.overlays.items() if overlay.caps)
        return self.plan.capped.union(changed)

    def load(self, rep_id: str) -> Load:
        load = self.loaded.loads.get(rep_id, Load())
        self.tape.loads.setdefault(rep_id, load)
        return load

    def turns(self, pool: str, group: str) -> Mapping[str, Turn]:
        """:raises NeedsPools: where the pool's row is not locked."""
        self.demand(frozenset({pool}))
        return self.loaded.turns.get((pool, group), {})

    def demand(self, pools: frozenset[str]) -> None:
        """:raises NeedsPools: where one of these pools is not locked."""
        missing = pools - self._locked
        if missing:
            raise NeedsPools(missing)

    def waiting(self, pool: Pool) -> list[Waiting]:
        """The first who wait for a pool, in rank order."""
        seen = self.loaded.waiting.get(pool.id, [])[:QUEUE_SEEN]
        if seen:
            self.tape.waiting[pool.id] = seen
        return seen

    def colleagues(self, account_key: str, lead_id: UUID) -> list[Colleague]:
        """Active attempts for others at the account, the oldest first."""
        found = self.loaded.colleagues.get(account_key, {}).values()
        self.tape.colleagues = sorted(
            (one for one in found if one.lead_id != lead_id),
            key=lambda one: (one.since, one.lead_id),
        )
        return self.tape.colleagues

    # -- writing ------------------------------------------------------------------------------
    def keep_score(self, lead: LeadState, scored: LeadScored) -> LeadState:
        """Remember a newer score of a lead."""
        newer = replace(lead, score_revision=scored.score_revision, scored=scored)
        self.new_scores.add(lead.lead_id)
        return self._keep(newer)

    def move(
        self,
        lead: LeadState,
        attempt: Attempt,
        *,
        origin: Origin,
        scored: LeadScored,
        reason: str,
        status: AssignmentStatus | None = None,
        end: str | None = None,
        waited: timedelta | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> Change:
        """Write an attempt's new state and number the event that tells of it."""
        changed = self._keep(lead.advanced(attempt))
        self.put(attempt)
        change = Change(
            attempt=attempt,
            status=status or attempt.status,
            sequence=changed.sequence,
            origin=origin,
            scored=scored,
            reason=reason,
            at=self.now,
            config_version=self.version,
            end=end,
            waited=waited,
            record=record,
        )
        self.changes.append(change)
        return change

    def put(self, attempt: Attempt) -> None:
        """Write an attempt's new state, without an event."""
        lead = self.loaded.leads.get(attempt.lead_id)
        if lead is not None and lead.last is not attempt:
            self._keep(replace(lead, last=attempt))
        # A dict keeps the place of the first write: the attempt that ends is written before the
        # one that replaces it, as the index on the active attempt needs it.
        self.dirty_attempts[attempt.assignment_id] = attempt
        colleagues = self.loaded.colleagues.setdefault(attempt.account_key, {})
        if attempt.is_active and attempt.rep_id is not None:
            colleagues[attempt.lead_id] = Colleague(
                attempt.lead_id, attempt.rep_id, attempt.pool, attempt.given_at or self.now
            )
        else:
            colleagues.pop(attempt.lead_id, None)
        self._requeue(attempt)

    def set_turns(self, pool: str, group: str, turns: Mapping[str, Turn]) -> None:
        self.loaded.turns.setdefault((pool, group), {}).update(turns)
        self.dirty_turns.update((pool, group, member) for member in turns)

    def given(self, rep_id: str, pool: str | None = None, motion: Motion = Motion.INBOUND) -> None:
        """Count one more lead against a rep's caps."""
        self.served[rep_id] += 1
        if rep_id in self.loaded.loads:
            self.loaded.loads[rep_id] = self.loaded.loads[rep_id].plus_one(pool, motion)

    def lead_of(self, attempt: Attempt) -> LeadState:
        return self.lead(attempt.lead_id, attempt.account_key)

    def _keep(self, lead: LeadState) -> LeadState:
        self.loaded.leads[lead.lead_id] = lead
        self.dirty_leads[lead.lead_id] = lead
        return lead

    def _requeue(self, attempt: Attempt) -> None:
        for queue in self.loaded.waiting.values():
            queue[:] = [one for one in queue if one.assignment_id != attempt.assignment_id]
        if attempt.status is AssignmentStatus.HELD and attempt.pool is not None:
            queue = self.loaded.waiting.setdefault(attempt.pool, [])
            queue.append(
                Waiting(
                    attempt.assignment_id,
                    attempt.tier,
                    attempt.origin.received_at,
                    attempt.excluded + attempt.unfit,
                )
            )
            queue.sort(key=lambda one: one.rank)
