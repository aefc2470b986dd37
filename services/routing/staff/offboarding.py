"""Somebody leaves: no new leads from now on, and the leads they have go to others.

The leads move by the same requests as anybody's reassignment, so every move is an event, and clocks
move with it. Repeating an offboarding moves what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import asyncpg

from schemas.assignment import RequestAction
from services.routing.answer import Request
from services.routing.life import Step
from services.routing.overlay import Kind
from services.routing.plan import Plan
from services.routing.requests import Outcome, Requests
from services.routing.staff.changes import Reps
from services.routing.staff.session import Author, RepFault, Session
from services.routing.store import people

_BATCH = 100
REHEARSED = 2_000
"""Leads that a rehearsal moves: it keeps their pools locked until it is undone."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One lead, and who has it next."""

    assignment_id: UUID
    lead_id: UUID
    was: str
    status: str
    rep: str | None
    pool: str | None


class _RolledBack(Exception):
    """Ends a rehearsal."""

    def __init__(self, moved: list[Moved]) -> None:
        super().__init__()
        self.moved = moved


class Offboarding:
    """Rehearses and carries out the leaving of one person at a time."""

    def __init__(self, reps: Reps, requests: Requests) -> None:
        self._reps = reps
        self._requests = requests

    async def run(
        self, author: Author, rep_id: str, to: str | None = None, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Offboard a person.

        :param to: who gets the leads; None: whose turn it is in the pool of each.
        :param dry_run: say what would happen, and change nothing.
        :raises RepFault: ``to`` cannot have them.
        """
        moved, plan = await (self._rehearsed if dry_run else self._done)(author, rep_id, to)
        return {
            "rep": rep_id,
            "to": to,
            "dry_run": dry_run,
            "moved": len(moved),
            "more": dry_run and len(moved) == REHEARSED,
            "receivers": dict(Counter(one.rep or "(held)" for one in moved)),
            "warnings": _warnings(plan, rep_id),
            "leads": moved,
        }

    async def _rehearsed(
        self, author: Author, rep_id: str, to: str | None
    ) -> tuple[list[Moved], Plan]:
        async with self._reps.pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            try:
                async with connection.transaction():
                    session = await self._reps.session(connection, author, alone=False)
                    await _leave(session, rep_id, to)
                    ids = await people.open_attempts(connection, rep_id, REHEARSED)
                    asked = [(one, _request(author, to)) for one in ids]
                    outcomes = await self._requests.answer(connection, session.config, asked)
                    raise _RolledBack(_moved(outcomes))
            except _RolledBack as end:
                return end.moved, session.config.value

    async def _done(self, author: Author, rep_id: str, to: str | None) -> tuple[list[Moved], Plan]:
        plan: list[Plan] = []

        async def leave(session: Session) -> None:
            plan.append(session.config.value)
            await _leave(session, rep_id, to)

        await self._reps.change(author, leave)
        moved: list[Moved] = []
        while True:
            async with self._reps.pool.acquire() as proxy:
                connection = cast(asyncpg.Connection, proxy)
                ids = await people.open_attempts(connection, rep_id, _BATCH)
            found = ids and _moved(
                await self._requests.several([(one, _request(author, to)) for one in ids])
            )
            moved += found
            if not found:  # none left, or none that may move
                return moved, plan[0]


async def _leave(session: Session, rep_id: str, to: str | None) -> None:
    session.rep(rep_id)
    if to is not None:
        if session.rep(to).id == rep_id:
            raise RepFault("the leads cannot go to the one who leaves")
        if not session.rep(to).active or await session.believed(to, Kind.LEFT):
            raise RepFault(f"{to} is not active")
    if not await session.believed(rep_id, Kind.LEFT):
        await session.record(rep_id, Kind.LEFT, {})


def _request(author: Author, to: str | None) -> Request:
    why = author.note or "offboarded"
    return Request(RequestAction.REASSIGN, author.by, why, to=to)


def _moved(outcomes: Sequence[Outcome | None]) -> list[Moved]:
    return [
        Moved(
            assignment_id=one.last.assignment_id,
            lead_id=one.last.lead_id,
            was=one.found.status.value,
            status=one.last.status.value,
            rep=one.last.rep_id,
            pool=one.last.pool,
        )
        for one in outcomes
        if one is not None and isinstance(one.answered.verdict, Step)
    ]


def _warnings(plan: Plan, rep_id: str) -> list[str]:
    """What else hangs on the person; the configuration should be changed."""
    reps = plan.teams.reps
    empty = [
        pool
        for pool in plan.pools_of(rep_id)
        if not any(other != rep_id and plan.teams.rep[other].active for other in plan.weights[pool])
    ]
    return [
        *(f"pool {pool} has nobody else" for pool in empty),
        *(
            f"is the manager of pool {pool}"
            for pool, manager in plan.managers.items()
            if manager == rep_id
        ),
        *(f"stands in for {rep.id}" for rep in reps if rep.backup == rep_id),
        *(f"is the manager of {rep.id}" for rep in reps if rep.manager == rep_id),
    ]
