"""The state of one deciding transaction: what was loaded, and what the decisions so far changed.

Each decision of a batch sees the ones before it. The store loads a board under locks and saves what
is dirty afterwards; in between nothing here touches a database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2s
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from schemas.assignment import AssignmentStatus
from schemas.base import Motion, RoleName
from schemas.score import LeadScored
from services.kernel.people import Absence, Caps, Overlay, Pool, Rep, next_available
from services.routing.eligibility import Barred, away
from services.routing.fairness import Stand, Turns
from services.routing.fields import Standing
from services.routing.matching import NO_MATCH, Match
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
from services.routing.state import Colleague, Loaded, NeedsLeads, NeedsPools, Tape, TurnKey

__all__ = ["Board", "Colleague", "Loaded", "NeedsLeads", "NeedsPools", "Tape"]

QUEUE_SEEN = 20
"""Of those who wait for a pool, the first so many are looked at."""


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
        self.dirty_turns: dict[TurnKey, set[str]] = {}
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
        return self.plan.rules_of(self.role)

    # -- reading ------------------------------------------------------------------------------
    def lead(self, lead_id: UUID, account_key: str) -> LeadState:
        return self.loaded.leads.get(lead_id) or LeadState(lead_id, account_key)

    def survivor(self, lead: LeadState) -> LeadState:
        """The lead that stands for this one: itself, unless it was merged.

        :raises NeedsLeads: the other one was not loaded.
        """
        if lead.merged_into is None:
            return lead
        found = self.loaded.leads.get(lead.merged_into)
        if found is None:
            raise NeedsLeads(frozenset({lead.merged_into}))
        return found

    def away(self, rep_id: str) -> Barred | None:
        """As :func:`eligibility.away`, worked out once per rep and minute."""
        overlay = self.loaded.overlays.get(rep_id)
        if overlay is not None:
            return away(self.plan.rep(rep_id), self.plan.calendars, self.now, overlay)
        return self.plan.away(rep_id, self.now)

    def is_here(self, rep_id: str) -> bool:
        """Whether a person works here at all, as configured and by command; hours do not matter."""
        found = self.away(rep_id)
        return found is None or found.why is not Absence.INACTIVE

    def caps(self, rep: Rep) -> Caps:
        """What bounds a person now: as configured, or as changed by command."""
        overlay = self.loaded.overlays.get(rep.id)
        return rep.caps if overlay is None else rep.caps.changed(overlay.caps)

    @property
    def capped(self) -> frozenset[str]:
        """The reps whose leads must be counted."""
        changed = (rep for rep, overlay in self.loaded.overlays.items() if overlay.caps)
        return self.plan.capped.union(changed)

    def back(self, rep_id: str) -> datetime | None:
        """When somebody who is away can take a lead again; None where nobody knows."""
        rep = self.plan.rep(rep_id)
        if rep is None:
            return None
        overlay = self.loaded.overlays.get(rep_id, Overlay())
        return next_available(rep, self.plan.calendars[rep.calendar], self.now, overlay)

    def load(self, rep_id: str) -> Load:
        load = self.loaded.loads.get(rep_id, Load())
        self.tape.loads.setdefault(rep_id, load)
        return load

    def turns(self, pool: str, group: str) -> Turns:
        """:raises NeedsPools: where the pool's row is not locked."""
        self.demand(frozenset({pool}))
        return self.loaded.turns.setdefault((pool, group), Turns())

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
        """Active attempts for others at the account, under any of its domains, the oldest first."""
        company = self.match(lead_id).company
        keys = {account_key, *(company.domains if company is not None else ())}
        found = (one for key in keys for one in self.loaded.colleagues.get(key, {}).values())
        self.tape.colleagues = sorted(
            (one for one in found if one.lead_id != lead_id),
            key=lambda one: (one.since, one.lead_id),
        )
        return self.tape.colleagues

    def match(self, lead_id: UUID) -> Match:
        """The lead's account, with everyone that was looked at."""
        return self.loaded.matches.get(lead_id, NO_MATCH)

    def facts(self, event: LeadScored) -> dict[str, object]:
        """All that rules may ask about a lead now."""
        lead_id = event.lead.lead_id
        known = self.loaded.leads.get(lead_id)
        activity = known.activity if known is not None else None
        standing = self.loaded.standing.get(lead_id)
        if standing is None or standing.event is not event:
            standing = Standing.of(event, self.match(lead_id).company)
            self.loaded.standing[lead_id] = standing
        return standing.at(self.now, activity)

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
        merged_into: UUID | None = None,
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
            merged_into=merged_into,
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

    def note(self, lead: LeadState, name: str, at: datetime) -> LeadState:
        """Remember the last thing that happened with a lead."""
        if lead.activity is not None and lead.activity[1] > at:
            return lead
        return self._keep(replace(lead, activity=(name, at)))

    def stay(self, lead: LeadState) -> None:
        """The event was about another role's attempt: the lead's own last one stays the last."""
        self._keep(replace(self.lead(lead.lead_id, lead.account_key), last=lead.last))

    def set_turns(self, pool: str, group: str, stand: Stand) -> None:
        self.turns(pool, group).put(stand)
        self.dirty_turns.setdefault((pool, group), set()).update(stand.members)

    def given(self, rep_id: str, pool: str | None = None, motion: Motion = Motion.INBOUND) -> None:
        """Count one more lead against a rep's caps."""
        self.served[rep_id] += 1
        if rep_id in self.loaded.loads:
            self.loaded.loads[rep_id] = self.loaded.loads[rep_id].plus_one(pool, motion)

    def lead_of(self, attempt: Attempt) -> LeadState:
        return self.lead(attempt.lead_id, attempt.account_key)

    def merge(self, lead: LeadState, into: UUID) -> LeadState:
        """Remember which lead stands for this one."""
        return self._keep(replace(lead, merged_into=into))

    def _keep(self, lead: LeadState) -> LeadState:
        self.loaded.leads[lead.lead_id] = lead
        self.dirty_leads[lead.lead_id] = lead
        return lead

    def _requeue(self, attempt: Attempt) -> None:
        for queue in self.loaded.waiting.values():
            queue[:] = [one for one in queue if one.assignment_id != attempt.assignment_id]
        if attempt.queues and attempt.pool is not None:
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
