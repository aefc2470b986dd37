"""The whole life of leads and people as a state machine, against a simple reference model.

Any order of submissions, requests, drains, pauses, leave, caps, leavers, joiners and clock jumps;
two processes, either of which may die before or after a commit, and inputs that come again.
``HANDRAISE_PROOF_RUNS`` says how many runs (``make proofs``: 10,000).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas.assignment import ACTIVE, AssignmentStatus, RequestAction
from schemas.base import NAMESPACE, KindName, TierName
from schemas.lead import Repeat
from schemas.score import LeadScored
from services.routing import decide
from services.routing.answer import Request, answer
from services.routing.board import Board, Loaded
from services.routing.model import TIER_RANK, Change
from services.routing.overlay import Kind, RepChange
from tests.integration.routing.leads import MONDAY_NINE, scored
from tests.property.routing.lives import PLANS, TEAMS, WEIGHTS, Stored
from tests.property.routing.reference import MOST_ATTEMPTS, Person, Reference, Try

pytestmark = pytest.mark.timeout(3_600)

S = AssignmentStatus
RUNS = int(os.environ.get("HANDRAISE_PROOF_RUNS", "1000"))
BURST = 3
people = st.sampled_from(sorted(WEIGHTS))
tiers = st.sampled_from([TierName.HOT, TierName.HOT, TierName.WARM, TierName.NURTURE])
kinds = st.sampled_from([KindName.DEMO_REQUEST, KindName.DEMO_REQUEST, KindName.WEBINAR])
crashes = st.sampled_from(["no", "no", "no", "before", "after"])


class Life(RuleBasedStateMachine):
    """See the module."""

    @initialize(apart=st.booleans(), first=st.lists(tiers, min_size=2, max_size=8))
    def begin(self, apart: bool, first: list[TierName]) -> None:
        self.apart = apart
        self.team = frozenset(TEAMS[0])
        self.now = MONDAY_NINE
        self.stored = Stored(Loaded(), {}, [], {})
        self.model = Reference(
            {
                **{rep: Person(weight, always=False) for rep, weight in WEIGHTS.items()},
                "eve": Person(1, always=True),
                "maya": Person(1, always=True),
            },
            {"desk": {}, "spare": {"eve": 1}},
        )
        self._reseat()
        self.events: list[tuple[UUID, LeadScored]] = []
        self.revisions: Counter[str] = Counter()
        self.published: dict[UUID, list[tuple[UUID, int]]] = {}
        self.serial = 0
        for tier in first:
            self.strangers(1, tier, KindName.DEMO_REQUEST, "no")

    # -- what happens -------------------------------------------------------------------------
    @rule(number=st.integers(1, 4), tier=tiers, kind=kinds, crash=crashes)
    def strangers(self, number: int, tier: TierName, kind: KindName, crash: str) -> None:
        """Each of a company of their own."""
        for _ in range(number):
            self.serial += 1
            self._submit(f"p{self.serial}@b{self.serial}.example", tier, kind, crash)

    @rule(person=st.integers(0, 7), tier=tiers, kind=kinds, crash=crashes)
    def a_colleague(self, person: int, tier: TierName, kind: KindName, crash: str) -> None:
        """Of one of three companies; soon it is somebody who was there before."""
        self._submit(f"p{person}@a{person % 3}.example", tier, kind, crash)

    @rule(back=st.integers(1, 12), tier=tiers, repeat=st.sampled_from(Repeat), crash=crashes)
    def comes_again(self, back: int, tier: TierName, repeat: Repeat, crash: str) -> None:
        if back <= len(self.events):
            who = self.events[-back][1].lead.email
            assert who is not None
            self._submit(who, tier, KindName.DEMO_REQUEST, crash, repeat)

    @rule(back=st.integers(1, 12), crash=crashes)
    def redelivery(self, back: int, crash: str) -> None:
        """An input comes again: to the other process, or to a zombie that wakes up."""
        if back <= len(self.events):
            self._deliver(*self.events[-back], crash)

    @rule()
    def replay(self) -> None:
        """Everything again from offset zero: nothing is decided."""
        before = dict(self.stored.attempts)
        for input_id, event in self.events:
            if input_id in self.stored.inbox:
                self._deliver(input_id, event, "no")
        assert self.stored.attempts == before

    @rule(
        which=st.integers(0, 20),
        action=st.sampled_from(list(RequestAction)),
        asker=st.sampled_from(["owner", "owner", "owner", "ana", "maya"]),
        to=st.sampled_from([None, None, "cleo", "eve", "nobody"]),
        correction=st.booleans(),
        crash=crashes,
    )
    def request(
        self, which: int, action: RequestAction, asker: str, to: str | None,
        correction: bool, crash: str,
    ) -> None:  # fmt: skip
        if not self.stored.attempts:
            return
        attempts = list(self.stored.attempts.values())
        attempt = attempts[-1 - which % len(attempts)]
        by = attempt.rep_id if asker == "owner" else asker
        asked = Request(action, by)
        if action is RequestAction.REASSIGN:
            asked = replace(asked, to=to, correction=correction)

        def work(board: Board) -> list[Change]:
            newest = board.lead_of(attempt).scored
            assert newest is not None
            return list(answer(board, attempt, newest, asked).changes)

        changes = self._transact(work, crash)
        for change in changes or ():
            self._judge(change, asked)

    @rule(crash=crashes)
    def drain(self, crash: str) -> None:
        def work(board: Board) -> list[Change]:
            board.burst = BURST
            held = [one for one in self.stored.attempts.values() if one.status is S.HELD]
            changes: list[Change] = []
            for attempt in sorted(held, key=lambda one: one.rank):
                newest = board.lead_of(attempt).scored
                assert newest is not None
                changes += decide.drained(board, attempt, newest)
            return changes

        changes = self._transact(work, crash)
        if changes is None:
            return
        for change in changes:
            self._judge(change, None)
        self._nobody_stranded(Counter(one.attempt.rep_id for one in changes))

    @rule(minutes=st.sampled_from([1, 30, 60, 240, 480, 60 * 15, 60 * 24, 60 * 24 * 3]))
    def clock_jumps(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(rep=people)
    def pause(self, rep: str) -> None:
        self._change(rep, Kind.PAUSE, {})
        self.model.people[rep].paused = True

    @rule(rep=people)
    def resume(self, rep: str) -> None:
        self._take_back(rep, Kind.PAUSE, Kind.LEFT)
        self.model.people[rep].paused = self.model.people[rep].left = False

    @rule(rep=people, start=st.integers(0, 2), days=st.integers(0, 2))
    def leave(self, rep: str, start: int, days: int) -> None:
        self._take_back(rep, Kind.LEAVE)
        first = self.now.date() + timedelta(days=start)
        last = first + timedelta(days=days)
        self._change(rep, Kind.LEAVE, {"from": first.isoformat(), "until": last.isoformat()})
        self.model.people[rep].away = (first, last)

    @rule(rep=people, name=st.sampled_from(["day", "open"]), limit=st.integers(1, 3))
    def cap(self, rep: str, name: str, limit: int) -> None:
        self._change(rep, Kind.CAP, {name: limit})
        setattr(self.model.people[rep], f"{name}_cap", limit)

    @rule(rep=people)
    def uncap(self, rep: str) -> None:
        self._take_back(rep, Kind.CAP)
        self.model.people[rep].day_cap = self.model.people[rep].open_cap = None

    @rule(rep=people)
    def leaves_for_good(self, rep: str) -> None:
        self._change(rep, Kind.LEFT, {})
        self.model.people[rep].left = True

    @rule(team=st.sampled_from(TEAMS))
    def another_team_is_published(self, team: set[str]) -> None:
        self.team = frozenset(team)
        self._reseat()

    # -- what must hold -----------------------------------------------------------------------
    @invariant()
    def one_active_attempt_per_lead(self) -> None:
        if not hasattr(self, "stored"):
            return
        active = Counter(a.lead_id for a in self.stored.attempts.values() if a.status in ACTIVE)
        assert set(active.values()) <= {1}
        unfinished = Counter(a.lead_id for a in self.stored.attempts.values() if a.is_open)
        assert set(unfinished.values()) <= {1}

    @invariant()
    def every_decided_submission_has_one_end(self) -> None:
        if not hasattr(self, "stored"):
            return
        ends = Counter(
            change.origin.submission_id
            for changes in self.stored.inbox.values()
            for change in changes
            if change.end is not None
        )
        decided = [event for id_, event in self.events if id_ in self.stored.inbox]
        assert ends == Counter(event.submission_id for event in decided)

    @invariant()
    def turns_add_up(self) -> None:
        if not hasattr(self, "stored"):
            return
        kept = self.stored.turns_kept()
        for key, turns in self.stored.loaded.turns.items():
            assert sum(turn.count for turn in turns.values()) == kept[key]
            assert sum(turn.deviation for turn in turns.values()) == 0

    @invariant()
    def what_was_published_is_what_is_stored(self) -> None:
        """A repeat publishes the rows of the first time, never other ones."""
        if hasattr(self, "stored"):
            for input_id, told in self.published.items():
                stored = self.stored.inbox[input_id]
                assert told == [(one.attempt.assignment_id, one.sequence) for one in stored]

    # -- the machinery ------------------------------------------------------------------------
    def _submit(
        self,
        who: str,
        tier: TierName,
        kind: KindName,
        crash: str,
        repeat: Repeat = Repeat.FIRST,
    ) -> None:
        self.revisions[who] += 1
        event = scored(
            who,
            revision=self.revisions[who],
            tier=tier,
            kind=kind,
            repeat=repeat,
            at=self.now,
            submission_id=self._id("submission"),
        )
        self.events.append((self._id("input"), event))
        self._deliver(*self.events[-1], crash)

    def _deliver(self, input_id: UUID, event: LeadScored, crash: str) -> None:
        if input_id not in self.stored.inbox:
            changes = self._transact(lambda board: decide.scored(board, event, input_id), crash)
            if changes is None:
                return
            self.stored.inbox[input_id] = changes
            for change in changes:
                self._judge(change, None)
        if crash != "after":  # else the sweep, or the next delivery, publishes
            told = self.stored.inbox[input_id]
            self.published[input_id] = [(one.attempt.assignment_id, one.sequence) for one in told]

    def _transact(self, work: Any, crash: str) -> list[Change] | None:
        """One deciding transaction; a process that dies before the commit leaves nothing."""
        board = Board(
            PLANS[self.team, self.apart], "v", self.now,
            frozenset(self.model.pools), self.stored.copied(self.now),
        )  # fmt: skip
        changes: list[Change] = work(board)
        if crash == "before":
            return None
        self.stored.loaded = board.loaded
        self.stored.attempts.update(board.dirty_attempts)
        return changes

    def _judge(self, change: Change, asked: Request | None) -> None:
        """Whether the model allows a change; then it is what the model knows."""
        attempt, model = change.attempt, self.model
        outcome = (change.record or {}).get("outcome")
        if outcome is not None:
            self._allowed(change, outcome["how"], asked)
        known = model.tries.get(attempt.assignment_id)
        given_now = outcome is not None and attempt.rep_id is not None
        model.tries[attempt.assignment_id] = Try(
            lead=attempt.lead_id,
            account=attempt.account_key,
            status=attempt.status,
            rep=attempt.rep_id,
            pool=attempt.pool,
            at=self.now if given_now or known is None else known.at,
            rank=(TIER_RANK[attempt.tier], attempt.origin.received_at, attempt.assignment_id),
            past=attempt.excluded,
            returned=attempt.turn is not None and attempt.turn.returned,
        )

    def _allowed(self, change: Change, how: str, asked: Request | None) -> None:
        attempt, model, now = change.attempt, self.model, self.now
        rep, pool = attempt.rep_id, attempt.pool
        past = attempt.excluded
        match how:
            case "turn" | "overflow" | "catch_all":
                assert pool is not None
                # Where the manager had it too, whoever did not have it last may have it again.
                again = attempt.attempt > MOST_ATTEMPTS or model.everyone_had_it(pool, past)
                again |= asked is not None and asked.action is RequestAction.ESCALATE
                assert rep in model.eligible(pool, past[-1:] if again else past, now)
            case "owner":
                assert rep in model.owners(attempt.account_key, attempt.lead_id) - set(past)
            case "anyway":
                assert rep is not None
                assert model.people[rep].there(now)
            case "by_hand":
                assert asked is not None
                assert rep == asked.to
            case "escalated":
                assert rep == "maya"
            case "nobody_free":
                assert pool is not None
                assert not model.eligible(pool, past, now)
            case "behind":
                assert pool is not None
                rank = (TIER_RANK[attempt.tier], attempt.origin.received_at, attempt.assignment_id)
                assert model.ahead(pool, rank)
            case "nurture":
                assert attempt.tier is TierName.NURTURE
            case _:
                raise AssertionError(how)

    def _nobody_stranded(self, served: Counter[str | None]) -> None:
        """After a drain nobody waits whom somebody could serve."""
        for one in self.model.tries.values():
            if one.status is S.HELD and one.pool is not None:
                free = self.model.eligible(one.pool, one.past, self.now)
                assert not {rep for rep in free if served[rep] < BURST}, (free, served)

    def _change(self, rep: str, kind: Kind, value: dict[str, Any]) -> None:
        self.serial += 1
        self.stored.changes.append(
            RepChange(self.serial, rep, kind, value, self.now, None, self.now, "test", "")
        )

    def _take_back(self, rep: str, *kinds: Kind) -> None:
        self.stored.changes = [
            replace(one, superseded_at=self.now, superseded_by="test")
            if one.rep_id == rep and one.kind in kinds
            else one
            for one in self.stored.changes
        ]

    def _reseat(self) -> None:
        self.model.pools["desk"] = {rep: WEIGHTS[rep] for rep in self.team}

    def _id(self, what: str) -> UUID:
        self.serial += 1
        return uuid5(NAMESPACE, f"{what}|{self.serial}")


Life.TestCase.settings = settings(
    max_examples=RUNS,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLife = Life.TestCase
