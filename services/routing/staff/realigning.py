"""Territories are dealt out anew: who would change, and changing it in small transactions.

What is to move is written down first, then carried out a batch at a time by the same requests as
any reassignment; so it can be cut off and goes on where it was, and can be undone. No turn is
charged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import asyncpg

from schemas.assignment import RequestAction
from services.routing.answer import Request
from services.routing.deciding import Clock
from services.routing.fields import Standing
from services.routing.finding import accounts_of
from services.routing.life import Refused
from services.routing.overlay import Kind
from services.routing.plan import Plan
from services.routing.requests import Outcome, Requests
from services.routing.review.moves import Held, Move, Terms
from services.routing.review.realign import realigned
from services.routing.staff.session import Author, RepFault
from services.routing.store import people
from services.routing.store import realignments as store
from services.routing.store.realignments import Planned
from services.runtime.configstore import LiveConfig

UNTOUCHED_FOR: Final = 14
"""Days: leads that somebody worked on since then stay, unless another number is asked for."""
_PAGE: Final = 500
_BATCH: Final = 100
BATCHES: Final = 10
"""Of one call: the caller asks again while something is left."""
DONE: Final = "done"
_FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a realignment is to look at and to leave in peace."""

    untouched_for: int = UNTOUCHED_FOR
    """Days."""


async def planned(
    connection: asyncpg.Connection, plan: Plan, now: datetime, asked: Asked
) -> list[Move]:
    """Who would change under a configuration, as things stand; changes nothing."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        gone = {
            one.rep_id for one in await people.believed(connection) if one.kind is Kind.LEFT
        }  # fmt: skip
        held = await _held(connection, plan, now)
        companies = []
        after = ""
        while page := await store.owned(connection, after, _PAGE):
            companies += page
            after = page[-1].company_id
    terms = Terms(now, timedelta(days=asked.untouched_for), frozenset(gone))
    return list(realigned(plan, held, companies, terms))


async def _held(connection: asyncpg.Connection, plan: Plan, now: datetime) -> list[Held]:
    found: list[Held] = []
    after = _FIRST
    while page := await store.held(connection, after, _PAGE):
        matches = await accounts_of(connection, plan, {one.lead_id: one.scored for one in page})
        for one in page:
            company = matches[one.lead_id].company
            facts = Standing.of(one.scored, company).at(now, one.activity)
            found.append(
                Held(one.assignment_id, one.lead_id, one.account_key, one.role, one.status,
                     one.rep, one.pool, one.worked_at, facts, company)
            )  # fmt: skip
        after = page[-1].assignment_id
    return sorted(found, key=lambda one: (one.role.value, one.account_key, one.lead_id))


class Realigning:
    """Carries realignments of the active configuration out, and undoes them."""

    def __init__(
        self, pool: asyncpg.Pool, config: LiveConfig[Plan], clock: Clock, requests: Requests
    ) -> None:
        self._pool = pool
        self._config = config
        self._clock = clock
        self._requests = requests

    async def rehearse(self, asked: Asked) -> list[Move]:
        """Who would change under the active configuration."""
        async with self._pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            return await planned(connection, self._config.current.value, self._clock(), asked)

    async def every(self) -> list[dict[str, Any]]:
        """Past realignments with their counts, the newest first."""
        async with self._pool.acquire() as proxy:
            return await store.every(cast(asyncpg.Connection, proxy))

    async def run(self, author: Author, asked: Asked) -> dict[str, Any]:
        """Go on with the one in progress, else plan one; some batches of it."""
        one = await self._begun(author, asked)
        reason = one["reason"] or author.note
        work = _Work(one["id"], author, f"territories realigned ({one['id']}): {reason}")
        made = await self._some(work)
        if made["finished"]:
            async with self._pool.acquire() as proxy:
                await store.finish(cast(asyncpg.Connection, proxy), one["id"], self._clock())
        return made

    async def undo(self, author: Author, realignment: int) -> dict[str, Any]:
        """Give back what a realignment moved and nobody moved since; some batches of it.

        :raises RepFault: there is none, or it is not finished.
        """
        async with self._pool.acquire() as proxy:
            one = await store.by_id(cast(asyncpg.Connection, proxy), realignment)
        if one is None:
            raise RepFault(f"there is no realignment {realignment}")
        if one["finished_at"] is None:
            raise RepFault(f"realignment {realignment} is not finished: finish it first")
        why = f"realignment {realignment} undone: {author.note}"
        made = await self._some(_Work(realignment, author, why, back=True))
        if made["finished"]:
            async with self._pool.acquire() as proxy:
                connection = cast(asyncpg.Connection, proxy)
                await store.undone(connection, realignment, author.by, self._clock())
        return made

    async def _begun(self, author: Author, asked: Asked) -> dict[str, Any]:
        async with self._pool.acquire() as proxy:
            known = await store.begun(cast(asyncpg.Connection, proxy))
        if known is not None:
            return known
        moves = [one for one in await self.rehearse(asked) if one.to is not None]
        version, days = self._config.current.version, asked.untouched_for
        try:
            async with self._pool.acquire() as proxy, proxy.transaction():
                connection = cast(asyncpg.Connection, proxy)
                said = (version, author.by, author.note, days, self._clock())
                one = await store.begin(connection, *said)
                await store.plan(connection, one["id"], moves)
        except asyncpg.UniqueViolationError:
            raise RepFault("another realignment has just begun: ask again to go on") from None
        return one

    async def _some(self, work: _Work) -> dict[str, Any]:
        """A few batches; whether nothing is left."""
        done, skipped = 0, []
        outcomes: list[_Outcome] = []
        for _ in range(BATCHES):
            outcomes = await self._batch(work)
            done += sum(said == DONE for _, said, _ in outcomes)
            skipped += [
                {"kind": move.kind, "subject": move.subject, "why": said}
                for move, said, _ in outcomes
                if said != DONE
            ]
            if not outcomes:
                break
        return {
            "realignment": work.realignment,
            "moved": done,
            "skipped": skipped,
            "finished": not outcomes,
        }

    async def _batch(self, work: _Work) -> list[_Outcome]:
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            moves = await work.next(connection)
            outcomes = [await work.own(connection, one) for one in moves if one.kind == "account"]
            await work.note(connection, outcomes)
        leads = [one for one in moves if one.kind == "lead"]
        if leads:
            # Moved and told in a transaction of their own: cut off before they are noted, they are
            # asked for again, and found to be done.
            answers = await self._requests.several([work.request(one) for one in leads])
            judged = [
                (one, *_judged(work.receiver(one), answer))
                for one, answer in zip(leads, answers, strict=True)
            ]
            async with self._pool.acquire() as proxy:
                await work.note(cast(asyncpg.Connection, proxy), judged)
            outcomes += judged
        return outcomes


_Outcome = tuple[Planned, str, UUID | None]
"""A move, what became of it, and the attempt by which the receiver has the lead."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A realignment, or its undoing."""

    realignment: int
    author: Author
    reason: str
    back: bool = False

    async def next(self, connection: asyncpg.Connection) -> list[Planned]:
        look = store.done_moves if self.back else store.open_moves
        return await look(connection, self.realignment, _BATCH)

    def receiver(self, move: Planned) -> str:
        return move.was if self.back else move.to_rep

    def request(self, move: Planned) -> tuple[UUID, Request]:
        assert move.assignment_id is not None
        at = (move.by_assignment or move.assignment_id) if self.back else move.assignment_id
        pool = move.was_pool if self.back else move.to_pool
        action, why = RequestAction.REASSIGN, self.reason.rstrip(": ")
        return at, Request(action, self.author.by, why, to=self.receiver(move), to_pool=pool)

    async def own(self, connection: asyncpg.Connection, move: Planned) -> _Outcome:
        """Change the owner of an account, where nobody did meanwhile."""
        was, to = (move.to_rep, move.was) if self.back else (move.was, move.to_rep)
        kind = move.owner_kind or ""
        changed = await store.change_owner(connection, move.subject, kind, was, to)
        return move, DONE if changed else "changed_meanwhile", None

    async def note(self, connection: asyncpg.Connection, outcomes: Sequence[_Outcome]) -> None:
        if self.back:
            said = [(move.nth, text) for move, text, _ in outcomes]
            await store.note_undone(connection, self.realignment, said)
        else:
            noted = [(move.nth, text, by) for move, text, by in outcomes]
            await store.note(connection, self.realignment, noted)


def _judged(to: str, outcome: Outcome | None) -> tuple[str, UUID | None]:
    """What became of a lead; one that was moved before a crash is done, too."""
    if outcome is None:
        return "unknown", None
    has = outcome.last.is_active and outcome.last.rep_id == to
    match outcome.answered.verdict:
        case Refused(why=why) if not has:
            return why.value, None
        case _:
            return DONE, outcome.last.assignment_id


def counts(moves: Sequence[Move]) -> dict[str, dict[str, int]]:
    """How many move and stay, by kind and why."""
    found: dict[str, Counter[str]] = {"account": Counter(), "lead": Counter()}
    for one in moves:
        found[one.kind][f"{'moves' if one.to is not None else 'stays'}: {one.why.value}"] += 1
    return {f"{kind}s": dict(sorted(said.items())) for kind, said in found.items()}
