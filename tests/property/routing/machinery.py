"""What the state machine of a lead's life runs on: transactions, crashes, and the judge of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from hypothesis.stateful import RuleBasedStateMachine

from schemas.assignment import AssignmentStatus, RequestAction
from schemas.base import NAMESPACE, KindName, TierName
from schemas.lead import Repeat
from schemas.score import LeadScored
from services.routing import decide
from services.routing.answer import Request
from services.routing.board import Board, Loaded
from services.routing.model import TIER_RANK, Change
from services.routing.overlay import Kind, RepChange
from tests.integration.routing.leads import MONDAY_NINE, scored
from tests.property.routing.lives import LISTED, OFFERED_FOR, PLANS, TEAMS, WEIGHTS, Stored
from tests.property.routing.reference import MOST_ATTEMPTS, Person, Reference, Try

S = AssignmentStatus
BURST = 3


class Machinery(RuleBasedStateMachine):
    """Two processes on one database, and the model that watches them."""

    def start(self, apart: bool) -> None:
        """An empty database and a model that knows the same people."""
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
            {"desk": {}, "spare": {"eve": 1}, "list": dict.fromkeys(LISTED, 1)},
        )
        self.reseat()
        self.events: list[tuple[UUID, LeadScored]] = []
        self.revisions: Counter[str] = Counter()
        self.published: dict[UUID, list[tuple[UUID, int]]] = {}
        self.serial = 0

    def submit(
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
        self.deliver(*self.events[-1], crash)

    def deliver(self, input_id: UUID, event: LeadScored, crash: str) -> None:
        if input_id not in self.stored.inbox:
            changes = self.transact(lambda board: decide.scored(board, event, input_id), crash)
            if changes is None:
                return
            self.stored.inbox[input_id] = changes
            for change in changes:
                self.judge(change, None)
        if crash != "after":  # else the sweep, or the next delivery, publishes
            told = self.stored.inbox[input_id]
            self.published[input_id] = [(one.attempt.assignment_id, one.sequence) for one in told]

    def transact(self, work: Any, crash: str) -> list[Change] | None:
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
        self._look_who_waits(changes)
        return changes

    def _look_who_waits(self, changes: list[Change]) -> None:
        """What waits may wait elsewhere without an event, where its list's members see it."""
        told = {change.attempt.assignment_id for change in changes}
        for id_, one in self.model.tries.items():
            attempt = self.stored.attempts[id_]
            if attempt.status is S.HELD and id_ not in told:
                one.pool, one.offered_until = attempt.pool, attempt.offered_until
                one.rank = attempt.rank

    def judge(self, change: Change, asked: Request | None) -> None:
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
            offered_until=attempt.offered_until if attempt.status is S.HELD else None,
        )
        if asked is not None and asked.divert is not None:
            assert attempt.diverted is not None
            assert (attempt.diverted.kind, attempt.diverted.to) == ("support", "help@example.com")

    def _allowed(self, change: Change, how: str, asked: Request | None) -> None:
        attempt, model, now = change.attempt, self.model, self.now
        rep, pool, past = attempt.rep_id, attempt.pool, attempt.excluded
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
            case "by_hand" | "claimed":
                assert asked is not None
                assert asked.claim == (how == "claimed")
                assert rep == (asked.rep_id if asked.claim else asked.to)
            case "escalated":
                assert rep == "maya"
            case _:
                assert rep is None
                self._may_wait(change, how)

    def _may_wait(self, change: Change, how: str) -> None:
        """Of what nobody has: whether it may be so."""
        attempt, model, now = change.attempt, self.model, self.now
        pool, past = attempt.pool, attempt.excluded
        match how:
            case "nobody_free":
                assert pool is not None
                assert not model.eligible(pool, past, now)
            case "behind":
                assert pool is not None
                assert model.ahead(pool, attempt.rank, now)
            case "offered":
                assert pool == "list"
                assert not past
                assert attempt.offered_until is not None
                assert now < attempt.offered_until <= now + OFFERED_FOR
            case "diverted":
                assert pool is None
                assert change.scored.kind is KindName.OTHER
                known = model.tries.get(attempt.assignment_id)
                assert known is None or known.status is not S.HELD, "somebody waits for a person"
            case "nurture":
                assert attempt.tier is TierName.NURTURE
            case _:
                raise AssertionError(how)

    def nobody_stranded(self, served: Counter[str | None]) -> None:
        """After a drain nobody waits whom somebody could serve."""
        for one in self.model.tries.values():
            if one.status is S.HELD and one.pool is not None and not one.offered(self.now):
                free = self.model.eligible(one.pool, one.past, self.now)
                assert not {rep for rep in free if served[rep] < BURST}, (free, served)

    def change(self, rep: str, kind: Kind, value: dict[str, Any]) -> None:
        self.serial += 1
        self.stored.changes.append(
            RepChange(self.serial, rep, kind, value, self.now, None, self.now, "test", "")
        )

    def take_back(self, rep: str, *kinds: Kind) -> None:
        self.stored.changes = [
            replace(one, superseded_at=self.now, superseded_by="test")
            if one.rep_id == rep and one.kind in kinds
            else one
            for one in self.stored.changes
        ]

    def reseat(self) -> None:
        self.model.pools["desk"] = {rep: WEIGHTS[rep] for rep in self.team}

    def _id(self, what: str) -> UUID:
        self.serial += 1
        return uuid5(NAMESPACE, f"{what}|{self.serial}")
