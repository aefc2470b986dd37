"""The whole life of leads, in any order of events: what must hold after every step."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.assignment import ACTIVE, AssignmentStatus, RequestAction
from schemas.base import NAMESPACE, KindName, TierName
from schemas.lead import Repeat
from services.routing import decide
from services.routing.answer import Request, answer
from services.routing.board import Board, Loaded
from services.routing.model import Attempt, Change
from services.routing.plan import Plan
from tests.integration.routing.leads import MONDAY_NINE, plan, scored

S = AssignmentStatus

_SPARE = (
    "  - {id: maya, name: Maya Test, email: maya@example.com, role: sdr,"
    " time_zone: UTC, calendar: always}\n"
    "  - {id: eve, name: Eve Test, email: eve@example.com, role: sdr,"
    " time_zone: UTC, calendar: always}"
)
_RULES = """\
  - {id: not-yet, when: {tier: nurture}, nurture: true}
  - {id: webinars, when: {kind: webinar}, pool: spare}"""
_POOLS = "  - {id: spare, role: sdr, members: [eve, ana], max_hold: {warm: 2h}}"

PLANS: tuple[Plan, ...] = tuple(
    plan(
        {"ana": 2, "ben": 1, "cleo": 3}, calendar=calendar, rules=_RULES, reps=_SPARE, pools=_POOLS,
        pool_options=options, routing=f"managers: {{desk: maya}}\nowner: {{away: {away}}}",
    )
    for calendar in ("always", "office")
    for away in ("assign", "pool")
    for options in (", overflow: spare", ", rotate_tiers_apart: true, charge_owner_turn: false")
)  # fmt: skip


@dataclass
class World:
    """Routing in memory: one board per transaction on the state that the last one left."""

    plan: Plan
    chance: random.Random
    loaded: Loaded = field(default_factory=Loaded)
    now = MONDAY_NINE
    told: list[Change] = field(default_factory=list)
    ends: Counter[UUID | None] = field(default_factory=Counter)
    submitted: list[UUID] = field(default_factory=list)
    attempts: dict[UUID, Attempt] = field(default_factory=dict)
    revisions: Counter[str] = field(default_factory=Counter)

    def board(self) -> Board:
        return Board(self.plan, "v", self.now, frozenset(self.plan.weights), self.loaded)

    def note(self, board: Board, changes: list[Change]) -> None:
        self.told += changes
        self.ends.update(c.origin.submission_id for c in changes if c.end is not None)
        self.attempts.update(board.dirty_attempts)

    def person(self) -> str:
        return f"p{self.chance.randrange(6)}@a{self.chance.randrange(4)}.example"

    # -- what may happen ----------------------------------------------------------------------
    def submission(self) -> None:
        person = self.person()
        self.revisions[person] += 1
        stale = self.chance.random() < 0.1
        event = scored(
            person,
            revision=max(1, self.revisions[person] - (2 if stale else 0)),
            tier=self.chance.choice(list(TierName)),
            kind=self.chance.choice([KindName.DEMO_REQUEST, KindName.WEBINAR, KindName.CHAT]),
            repeat=self.chance.choice([Repeat.FIRST, Repeat.RETURNING, Repeat.DOUBLE_SUBMIT]),
            at=self.now,
            late=self.chance.random() < 0.2,
            submission_id=uuid5(NAMESPACE, str(self.chance.random())),
        )
        if not event.late:
            assert event.submission_id is not None
            self.submitted.append(event.submission_id)
        board = self.board()
        cause = uuid5(NAMESPACE, str(self.chance.random()))
        self.note(board, decide.scored(board, event, cause))

    def request(self) -> None:
        if not self.attempts:
            return
        attempt = self.chance.choice(list(self.attempts.values()))
        action = self.chance.choice(list(RequestAction))
        rep = attempt.rep_id if self.chance.random() < 0.8 else "ana"
        board = self.board()
        newest = board.lead_of(attempt).scored
        assert newest is not None
        to = self.chance.choice([None, "ana", "eve", "nobody"])
        request = Request(action, rep)
        if action is RequestAction.REASSIGN:
            request = Request(action, rep, to=to, correction=self.chance.random() < 0.5)
        answered = answer(board, attempt, newest, request)
        if request.to is not None and answered.changes:
            assert [change.attempt.rep_id for change in answered.changes] == [attempt.rep_id, to]
        self.note(board, list(answered.changes))

    def drain(self) -> None:
        board = self.board()
        board.burst = 3
        held = [one for one in self.attempts.values() if one.status is S.HELD]
        changes: list[Change] = []
        for attempt in sorted(held, key=lambda one: one.rank):
            newest = board.lead_of(attempt).scored
            assert newest is not None
            changes += decide.drained(board, attempt, newest)
        self.note(board, changes)

    def time(self) -> None:
        self.now += timedelta(minutes=self.chance.choice([1, 20, 60, 400, 60 * 24 * 90]))

    # -- what must hold -----------------------------------------------------------------------
    def check(self) -> None:
        assert set(self.ends) == set(self.submitted)
        assert set(self.ends.values()) <= {1}, "exactly one end"
        active = Counter(a.lead_id for a in self.attempts.values() if a.status in ACTIVE)
        assert set(active.values()) <= {1}, "at most one active attempt"
        unfinished = Counter(a.lead_id for a in self.attempts.values() if a.is_open)
        assert set(unfinished.values()) <= {1}
        sequences: dict[UUID, list[int]] = {}
        for change in self.told:
            sequences.setdefault(change.attempt.lead_id, []).append(change.sequence)
        assert all(seen == list(range(1, len(seen) + 1)) for seen in sequences.values())
        for attempt in self.attempts.values():
            assert (attempt.rep_id is not None) or attempt.status not in ACTIVE
            assert (attempt.held_until is not None) is (attempt.status is S.HELD)
            queued = [w.assignment_id for q in self.loaded.waiting.values() for w in q]
            assert (attempt.assignment_id in queued) is (attempt.status is S.HELD)
        self._turns()

    def _turns(self) -> None:
        """Counts and entitlements of a pool add up to the turns that were not given back."""
        kept: Counter[tuple[str, str]] = Counter()
        for attempt in self.attempts.values():
            if attempt.turn is not None and not attempt.turn.returned:
                kept[attempt.turn.pool, attempt.turn.group] += 1
        for key, turns in self.loaded.turns.items():
            count = sum(turn.count for turn in turns.values())
            assert count == kept[key]
            assert sum(turn.deviation for turn in turns.values()) == 0


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(PLANS), st.integers(0, 2**32), st.integers(1, 60))
def test_whatever_happens_the_promises_hold(chosen: Plan, seed: int, steps: int) -> None:
    world = World(chosen, random.Random(seed))
    happenings = [world.submission] * 4 + [world.request] * 3 + [world.drain] * 2 + [world.time]
    for _ in range(steps):
        world.chance.choice(happenings)()
        world.check()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PLANS), st.integers(0, 2**32))
def test_no_lead_waits_for_ever(chosen: Plan, seed: int) -> None:
    world = World(chosen, random.Random(seed))
    for _ in range(30):
        world.chance.choice([world.submission, world.request])()
    for _ in range(10 * 24):
        world.now += timedelta(hours=1)
        world.drain()
    world.check()
    assert not [one for one in world.attempts.values() if one.status is S.HELD]
