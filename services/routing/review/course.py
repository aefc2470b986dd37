"""The leads of a simulation: placing them, and what ends. Pure.

The life of an attempt as in :mod:`services.routing.decide` and :mod:`services.routing.answer`, by
the same rules (:mod:`services.routing.returning`), on a state that is kept in memory for the whole
period.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from schemas.assignment import AssignmentStatus
from services.kernel.conditions import NotedFacts
from services.routing import fairness
from services.routing.board import Board
from services.routing.claiming import refusal
from services.routing.fields import time_facts
from services.routing.model import Waiting, assignment_id
from services.routing.offer import RETRY
from services.routing.placement import place
from services.routing.plan import Plan
from services.routing.returning import moves_down, next_wish
from services.routing.review.agenda import Agenda
from services.routing.review.cases import HAS, Case
from services.routing.review.room import Room
from services.routing.review.traffic import Key, Known, Opened
from services.routing.review.world import World
from services.routing.splitting import units
from services.routing.subject import How, Placement, Subject, Wish


class Course:
    """Every case, and the state that they share."""

    def __init__(self, plan: Plan, world: World) -> None:
        self.plan = plan
        self.world = world
        self.agenda = Agenda()
        self.cases: dict[Key, Case] = {}
        self.waiting: dict[UUID, Case] = {}
        """Those that stand in a queue, by attempt."""
        self.unanswered: set[str] = set()
        self.room = Room(plan, world)
        self._asleep: dict[str, set[Key]] = {}
        """Held leads that are not looked at for now, by account."""
        self._returned: Counter[tuple[str, str]] = Counter()

    def opens(self, one: Opened, since: datetime) -> None:
        """An attempt that was open when the period began."""
        if one.status in HAS and one.rep is not None:
            known = one.known or Known.bare(one.account_key, one.since)
            case = Case(one.key, one.assignment_id, known, one.status, one.rep, one.pool)
            case.since = case.touched_at = one.since
            case.taken_up = one.status == "accepted"
            self.world.owns(one.key, one.account_key, one.rep, one.pool, one.since)
            self.world.counted.open[one.rep] += one.status == "assigned"
        elif one.known is not None:
            case = Case(one.key, one.assignment_id, one.known, one.status, pool=one.pool)
            if one.status == "held":
                case.held_since = one.since
                self._joins(case, one.pool or "", ())
                self.agenda.schedule(one.key, since)
        else:
            return
        self.cases[one.key] = case

    # -- placing ------------------------------------------------------------------------------
    def place(
        self,
        case: Case,
        now: datetime,
        *,
        wish: Wish | None = None,
        pool: str | None = None,
        board: Board | None = None,
    ) -> Placement:
        """:param board: of the queue that it stands in, where it is its turn."""
        draining = board is not None
        board = board or self.world.board(now, case.key[1])
        self.world.match(case.key, case.known)
        subject = replace(self._subject(case, now), pool=pool, draining=draining)
        placement = place(board, subject if wish is None else replace(subject, wish=wish))
        if isinstance(subject.facts, NotedFacts):
            self.unanswered |= subject.facts.unanswered
        if moves_down(case.status, placement, own=case.own):
            if not draining or self.plan.pool(case.pool) is None:
                return placement
            placement = place(board, replace(subject, pool=case.pool))  # it waits where it waits
        self._settle(case, placement, now)
        return placement

    def _subject(self, case: Case, now: datetime) -> Subject:
        features = case.known.features
        clock = time_facts(now, features.get("time_zone"))
        own = units(case.key[0], case.known.account_key)
        return Subject(
            lead_id=case.key[0],
            account_key=case.known.account_key,
            assignment_id=case.assignment_id,
            facts=NotedFacts({**features, **clock, **own}, case.known.verdicts),
            tier=case.known.tier,
            received_at=case.known.received_at,
            excluded=case.excluded,
            held_since=case.held_since,
        )

    def _settle(self, case: Case, placement: Placement, now: datetime) -> None:
        """Carry out where a lead was placed."""
        self._unqueue(case)
        if placement.rep is not None:
            self._given(case, placement, placement.rep, now)
        elif placement.status is AssignmentStatus.HELD:
            self._held(case, placement, now)
        else:
            case.status = "closed" if placement.how is How.DIVERTED else "nurtured"
        if case.outcome is not None:
            ended = "diverted" if placement.how is How.DIVERTED else case.status
            case.outcome.status, case.outcome.rep = ended, case.rep
            case.outcome.pool, case.outcome.rule = placement.pool, placement.target.rule
            if case.rep is not None:
                case.outcome.at = now  # a later attempt is not the answer to the submission
                case.outcome = None

    def _given(self, case: Case, placement: Placement, rep: str, now: datetime) -> None:
        case.status, case.rep, case.pool = "assigned", rep, placement.pool
        case.since = case.touched_at = now
        case.taken_up = False
        case.turn, case.held_since = placement.turn, None
        self.world.counted.add(rep, placement.pool, case.motion, now)
        self.world.counted.open[rep] += 1
        case.again = None
        account = case.known.account_key
        self.world.owns(case.key, account, rep, placement.pool, now)
        for key in self._asleep.pop(account, ()):
            self._awake(self.cases[key], now)

    def _held(self, case: Case, placement: Placement, now: datetime) -> None:
        case.status, case.rep, case.pool = "held", None, placement.pool
        case.held_since = case.held_since or now
        if case.again is None or case.again <= now:
            case.again = placement.held_until or now + RETRY
        self.agenda.schedule(case.key, case.again)
        if placement.how not in (How.WAITS, How.OFFERED) and placement.pool is not None:
            # Nobody queues behind a lead that waits for one person, or to be claimed.
            self._joins(case, placement.pool, placement.unfit)
            if placement.how is How.BEHIND:
                self.agenda.hasten(placement.pool, case.again)

    def _joins(self, case: Case, pool: str, unfit: tuple[str, ...]) -> None:
        known = case.known
        case.waiting = Waiting(
            case.assignment_id, known.tier, known.received_at, case.excluded + unfit
        )
        self.waiting[case.assignment_id] = case
        self.world.joins(pool, case.waiting)

    def again(self, case: Case, now: datetime, wish: Wish) -> None:
        """The next attempt of a lead that comes back; it stays in its pool."""
        last = case.rep
        assert last is not None
        self.gone(case)
        case.excluded = (*case.excluded, last)
        case.attempt += 1
        lead, role = case.key
        case.assignment_id = assignment_id(lead, role, 1, case.attempt)
        wish = next_wish(self.plan, case.attempt, wish)
        case.rep, case.status = None, "new"
        pool = wish.pool or (case.pool if self.plan.pool(case.pool) is not None else None)
        self.place(case, now, wish=wish, pool=pool)
        self.wake(last, now)

    # -- what ends ----------------------------------------------------------------------------
    def accepted(self, case: Case, now: datetime) -> None:
        """Whoever has it takes it up."""
        if case.status == "assigned" and case.rep is not None:
            case.status, case.taken_up = "accepted", True
            self.world.counted.open[case.rep] -= 1
            self.wake(case.rep, now)

    def gone(self, case: Case) -> None:
        """The rep does not have it any more."""
        if case.rep is not None and not case.taken_up:
            self.world.counted.open[case.rep] -= 1
        self.world.disowns(case.key, case.known.account_key)
        case.held_since = None

    def ended(self, case: Case, now: datetime) -> None:
        if case.status in HAS:
            self.gone(case)
            self.wake(case.rep, now)
        self._unqueue(case)
        case.status = "closed"

    def claimed(self, case: Case, now: datetime, rep: str) -> bool:
        """Whether a member could take it from the list here, too."""
        pool = self.plan.pool(case.pool)
        if case.status != "held" or pool is None:
            return False
        board = self.world.board(now, case.key[1])
        if refusal(board, pool, None, self._subject(case, now), rep) is not None:
            return False
        self.place(case, now, wish=Wish(rep, claim=True), pool=pool.id)
        self.accepted(case, now)
        return True

    def give_back(self, case: Case, now: datetime, *, limited: bool = True) -> None:
        turn, rep = case.turn, case.rep
        if turn is None or rep is None or case.since is None:
            return
        today = (rep, now.date().isoformat())
        if limited and self._returned[today] >= self.plan.turns_returned_per_day:
            return
        self._returned[today] += 1
        rotation = self.world.loaded.turns.setdefault((turn.pool, turn.group), fairness.Turns())
        rotation.put(fairness.give_back(rep, turn.shares, rotation))
        self.world.counted.remove(rep, case.pool, case.motion, case.since)

    def _unqueue(self, case: Case) -> None:
        if case.waiting is not None and case.pool is not None:
            self.world.leaves(case.pool, case.waiting)
            self.waiting.pop(case.assignment_id, None)
        case.waiting = None
        self.agenda.forget(case.key)

    def put_off(self, case: Case, now: datetime, opening: datetime | None) -> None:
        """Nobody is free and nothing speaks for a try: look again when that may have changed.

        Routing tries every quarter of an hour meanwhile, to no effect; should a colleague of the
        lead get an owner, it is looked at in the next of these.
        """
        pool = self.plan.pool(case.pool)
        longest = pool.max_hold.of(case.known.tier) if pool is not None else RETRY
        case.again, case.asleep = (case.held_since or now) + longest, now
        if opening is not None:
            case.again = min(case.again, opening)
        self.agenda.schedule(case.key, case.again)
        self._asleep.setdefault(case.known.account_key, set()).add(case.key)

    def _awake(self, case: Case, now: datetime) -> None:
        if case.status != "held" or case.again is None or case.asleep is None:
            return
        quarters = (now - case.asleep) // RETRY + 1
        case.again = min(case.again, case.asleep + quarters * RETRY)
        self.agenda.schedule(case.key, case.again)

    def wake(self, rep: str | None, now: datetime) -> None:
        """A rep may have become free: whoever waits where the rep can help is looked at."""
        for pool in self.room.reaching(rep) if rep is not None else ():
            if self.world.queue(pool):
                self.agenda.hasten(pool, now)
