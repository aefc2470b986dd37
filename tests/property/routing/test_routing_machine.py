"""The whole life of leads and people as a state machine, against a simple reference model.

Any order of submissions, requests, drains, pauses, leave, caps, leavers, joiners and clock jumps;
claims from a pull pool, what is no lead, two leads that are one person;
two processes, either of which may die before or after a commit, and inputs that come again.
``HANDRAISE_PROOF_RUNS`` says how many runs (``make proofs``: 10,000).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from schemas.assignment import ACTIVE, AssignmentStatus, RequestAction
from schemas.base import KindName, TierName
from schemas.lead import Repeat
from services.routing import decide
from services.routing.answer import Request, answer
from services.routing.board import Board
from services.routing.merge import merged
from services.routing.model import Attempt, Change
from services.routing.overlay import Kind
from tests.property.routing.lives import LISTED, TEAMS, WEIGHTS
from tests.property.routing.machinery import BURST, Machinery

pytestmark = pytest.mark.timeout(3_600)

S = AssignmentStatus
RUNS = int(os.environ.get("HANDRAISE_PROOF_RUNS", "1000"))
people = st.sampled_from(sorted(WEIGHTS))
tiers = st.sampled_from([TierName.HOT, TierName.HOT, TierName.WARM, TierName.NURTURE])
kinds = st.sampled_from(
    [
        KindName.DEMO_REQUEST,
        KindName.DEMO_REQUEST,
        KindName.DEMO_REQUEST,
        KindName.WEBINAR,
        KindName.REFERRAL,  # offered on a list
        KindName.REFERRAL,
        KindName.OTHER,  # no lead
    ]
)
crashes = st.sampled_from(["no", "no", "no", "before", "after"])


class Life(Machinery):
    """See the module."""

    @initialize(apart=st.booleans(), first=st.lists(tiers, min_size=2, max_size=8))
    def begin(self, apart: bool, first: list[TierName]) -> None:
        self.start(apart)
        for tier in first:
            self.strangers(1, tier, KindName.DEMO_REQUEST, "no")

    # -- what happens -------------------------------------------------------------------------
    @rule(number=st.integers(1, 4), tier=tiers, kind=kinds, crash=crashes)
    def strangers(self, number: int, tier: TierName, kind: KindName, crash: str) -> None:
        """Each of a company of their own."""
        for _ in range(number):
            self.serial += 1
            self.submit(f"p{self.serial}@b{self.serial}.example", tier, kind, crash)

    @rule(person=st.integers(0, 7), tier=tiers, kind=kinds, crash=crashes)
    def a_colleague(self, person: int, tier: TierName, kind: KindName, crash: str) -> None:
        """Of one of three companies; soon it is somebody who was there before."""
        self.submit(f"p{person}@a{person % 3}.example", tier, kind, crash)

    @rule(
        back=st.integers(1, 12),
        tier=tiers,
        kind=kinds,
        repeat=st.sampled_from(Repeat),
        crash=crashes,
    )
    def comes_again(
        self, back: int, tier: TierName, kind: KindName, repeat: Repeat, crash: str
    ) -> None:
        if back <= len(self.events):
            who = self.events[-back][1].lead.email
            assert who is not None
            self.submit(who, tier, kind, crash, repeat)

    @rule(back=st.integers(1, 12), crash=crashes)
    def redelivery(self, back: int, crash: str) -> None:
        """An input comes again: to the other process, or to a zombie that wakes up."""
        if back <= len(self.events):
            self.deliver(*self.events[-back], crash)

    @rule()
    def replay(self) -> None:
        """Everything again from offset zero: nothing is decided."""
        before = dict(self.stored.attempts)
        for input_id, event in self.events:
            if input_id in self.stored.inbox:
                self.deliver(input_id, event, "no")
        assert self.stored.attempts == before

    @rule(
        which=st.integers(0, 20),
        action=st.sampled_from(list(RequestAction)),
        asker=st.sampled_from(["owner", "owner", "owner", "ana", "maya"]),
        to=st.sampled_from([None, None, "cleo", "eve", "nobody"]),
        correction=st.booleans(),
        divert=st.sampled_from([None, None, "support"]),
        crash=crashes,
    )
    def request(
        self, which: int, action: RequestAction, asker: str, to: str | None,
        correction: bool, divert: str | None, crash: str,
    ) -> None:  # fmt: skip
        if not self.stored.attempts:
            return
        attempts = list(self.stored.attempts.values())
        attempt = attempts[-1 - which % len(attempts)]
        by = attempt.rep_id if asker == "owner" else asker
        asked = Request(action, by)
        if action is RequestAction.REASSIGN:
            asked = replace(asked, to=to, correction=correction)
        if action in (RequestAction.REJECT, RequestAction.RELEASE):
            asked = replace(asked, divert=divert)

        def work(board: Board) -> list[Change]:
            newest = board.lead_of(attempt).scored
            assert newest is not None
            return list(answer(board, attempt, newest, asked).changes)

        changes = self.transact(work, crash)
        for change in changes or ():
            self.judge(change, asked)

    @rule(which=st.integers(0, 20), rep=st.sampled_from([*LISTED, "ben", "maya"]), crash=crashes)
    def claim(self, which: int, rep: str, crash: str) -> None:
        """Whoever may have a lead of the list gets it; nobody else does."""
        listed = [
            one
            for one in self.stored.attempts.values()
            if one.status is S.HELD and one.pool == "list"
        ]
        if not listed:
            return
        attempt = listed[-1 - which % len(listed)]
        asked = Request(RequestAction.ACCEPT, rep, claim=True)
        may = self.model.may_claim(rep, self.model.tries[attempt.assignment_id], self.now)

        def work(board: Board) -> list[Change]:
            newest = board.lead_of(attempt).scored
            assert newest is not None
            return list(answer(board, attempt, newest, asked).changes)

        changes = self.transact(work, crash)
        if changes is not None:
            assert bool(changes) == may, (rep, may)
            assert [one.status for one in changes] == ([S.ASSIGNED, S.ACCEPTED] if may else [])
        for change in changes or ():
            self.judge(change, asked)

    @rule(first=st.integers(0, 12), second=st.integers(0, 12), crash=crashes)
    def two_leads_are_one_person(self, first: int, second: int, crash: str) -> None:
        """Whoever had one of them has the person; whoever waited waits."""
        known = [
            lead
            for lead, state in self.stored.loaded.leads.items()
            if state.merged_into is None and state.scored is not None
        ]
        if len(known) < 2 or first % len(known) == second % len(known):
            return
        survivor, other = known[-1 - first % len(known)], known[-1 - second % len(known)]
        open_ = {one.lead_id: one for one in self.stored.attempts.values() if one.is_open}
        theirs, mine = open_.get(other), open_.get(survivor)

        def work(board: Board) -> list[Change]:
            changes = merged(board, survivor, other, "")
            board.merge(board.loaded.leads[other], survivor)
            for lead in list(board.loaded.leads.values()):
                if lead.merged_into == other:
                    board.merge(lead, survivor)
            return changes

        changes = self.transact(work, crash)
        if changes is None:
            return
        asked = Request(RequestAction.REASSIGN, "ops", to=theirs.rep_id if theirs else None)
        for change in changes:
            self.judge(change, asked)
        self.model.merge(other, survivor)
        self._kept(survivor, mine, theirs)

    def _kept(self, survivor: UUID, mine: Attempt | None, theirs: Attempt | None) -> None:
        """After a merge: who had the survivor, else who had the other; whoever waited waits on."""
        now = {one.lead_id: one for one in self.stored.attempts.values() if one.is_open}
        owner = next((one.rep_id for one in (mine, theirs) if one and one.is_active), None)
        waited = any(one is not None and one.status is S.HELD for one in (mine, theirs))
        if owner is not None:
            assert now[survivor].rep_id == owner
        elif waited:
            assert now[survivor].status in (S.HELD, S.ASSIGNED, S.ESCALATED)

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

        changes = self.transact(work, crash)
        if changes is None:
            return
        for change in changes:
            self.judge(change, None)
        self.nobody_stranded(Counter(one.attempt.rep_id for one in changes))

    @rule(minutes=st.sampled_from([1, 30, 60, 240, 480, 60 * 15, 60 * 24, 60 * 24 * 3]))
    def clock_jumps(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(rep=people)
    def pause(self, rep: str) -> None:
        self.change(rep, Kind.PAUSE, {})
        self.model.people[rep].paused = True

    @rule(rep=people)
    def resume(self, rep: str) -> None:
        self.take_back(rep, Kind.PAUSE, Kind.LEFT)
        self.model.people[rep].paused = self.model.people[rep].left = False

    @rule(rep=people, start=st.integers(0, 2), days=st.integers(0, 2))
    def leave(self, rep: str, start: int, days: int) -> None:
        self.take_back(rep, Kind.LEAVE)
        first = self.now.date() + timedelta(days=start)
        last = first + timedelta(days=days)
        self.change(rep, Kind.LEAVE, {"from": first.isoformat(), "until": last.isoformat()})
        self.model.people[rep].away = (first, last)

    @rule(rep=people, name=st.sampled_from(["day", "open"]), limit=st.integers(1, 3))
    def cap(self, rep: str, name: str, limit: int) -> None:
        self.change(rep, Kind.CAP, {name: limit})
        setattr(self.model.people[rep], f"{name}_cap", limit)

    @rule(rep=people)
    def uncap(self, rep: str) -> None:
        self.take_back(rep, Kind.CAP)
        self.model.people[rep].day_cap = self.model.people[rep].open_cap = None

    @rule(rep=people)
    def leaves_for_good(self, rep: str) -> None:
        self.change(rep, Kind.LEFT, {})
        self.model.people[rep].left = True

    @rule(team=st.sampled_from(TEAMS))
    def another_team_is_published(self, team: set[str]) -> None:
        self.team = frozenset(team)
        self.reseat()

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
    def a_person_is_one_lead(self) -> None:
        """What was merged has nothing open, and stands under one lead."""
        if not hasattr(self, "stored"):
            return
        for one in self.stored.attempts.values():
            if one.is_open:
                assert self.model.person(one.lead_id) == one.lead_id
        for lead, person in self.model.stands_for.items():
            assert self.stored.loaded.leads[lead].merged_into == person

    @invariant()
    def what_is_no_lead_costs_nobody(self) -> None:
        if not hasattr(self, "stored"):
            return
        for one in self.stored.attempts.values():
            if one.diverted is not None:
                assert one.status is S.CLOSED
                assert one.turn is None or one.turn.returned

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


Life.TestCase.settings = settings(
    max_examples=RUNS,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLife = Life.TestCase
