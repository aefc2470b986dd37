"""A rep's answer from a mail or a button: asked of routing, whose answer is waited for briefly.

Routing alone decides (compare-and-set on the attempt). What it decided comes back on
assignments.v1, which this service reads anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import asyncpg

from schemas.assignment import AssignmentRequested, AssignmentStatus, RequestAction
from schemas.base import deterministic_id
from schemas.topics import ASSIGNMENT_REQUESTS
from services.delivery.model import Current
from services.delivery.store import current, people
from services.delivery.tokens import Claim
from services.runtime.outbox import Outbox
from services.runtime.records import output

SERVICE: Final = "delivery"
_WAIT_S: Final = 2.0
_LOOK_S: Final = 0.1


class Answer(StrEnum):
    """What the rep hears."""

    DONE = "done"
    OVER = "over"
    """The attempt is over: somebody else has the lead, or nobody."""
    ASKED = "asked"
    """Routing has not answered yet."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer, and who has the lead as far as is known."""

    answer: Answer
    owner: str | None = None


class Acting:
    """Passes a rep's answer on."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox, now: Callable[[], datetime]) -> None:
        self._pool = pool
        self._outbox = outbox
        self._now = now

    async def state(self, claim: Claim) -> Heard:
        """Whether the attempt is still the rep's to answer for."""
        async with self._pool.acquire() as conn:
            known = await current.of_assignment(conn, claim.assignment_id)
        return Heard(Answer.ASKED) if _is_theirs(known, claim) else await self._over(claim)

    async def whose(self, claim: Claim, slack_user: str | None) -> str | None:
        """The name of the rep, where somebody else in Slack answers for them; None where it is
        they, or nobody can tell."""
        async with self._pool.acquire() as conn:
            known = await people.in_slack(conn, claim.rep_id)
        if known is None or slack_user is None or known[0] == slack_user:
            return None
        return known[1]

    async def ask(self, claim: Claim, action: RequestAction, reason: str = "") -> Heard:
        """Ask routing; a second press of the same button asks the same, once."""
        before = await self.state(claim)
        if before.answer is Answer.OVER:
            await self._note(claim, action, before)
            return before
        await self._publish(claim, action, reason)
        return await self._until_decided(claim, action)

    async def publish(self, claim: Claim, action: RequestAction, reason: str = "") -> Heard:
        """As :meth:`ask`, but does not wait for the answer."""
        before = await self.state(claim)
        if before.answer is Answer.OVER:
            await self._note(claim, action, before)
        else:
            await self._publish(claim, action, reason)
        return before

    async def _note(self, claim: Claim, action: RequestAction, heard: Heard) -> None:
        """That somebody answered too late is part of the lead's story."""
        async with self._pool.acquire() as conn:
            await current.answered_late(
                conn, claim.assignment_id, claim.rep_id, action.value, heard.owner, self._now()
            )

    async def _publish(self, claim: Claim, action: RequestAction, reason: str) -> None:
        at = self._now()
        event = AssignmentRequested(
            assignment_id=claim.assignment_id,
            action=action,
            rep_id=claim.rep_id,
            reason=reason,
            requested_at=at,
        )
        out = output(
            ASSIGNMENT_REQUESTS,
            str(claim.assignment_id),
            event,
            event_id=deterministic_id("act", claim.assignment_id, claim.rep_id, action),
            service=SERVICE,
            at=at,
        )
        async with self._pool.acquire() as conn, conn.transaction():
            stored = await self._outbox.store(conn, [out])
        await self._outbox.release(stored)

    async def _until_decided(self, claim: Claim, action: RequestAction) -> Heard:
        loop = asyncio.get_running_loop()
        ends = loop.time() + _WAIT_S
        while loop.time() < ends:
            async with self._pool.acquire() as conn:
                known = await current.of_assignment(conn, claim.assignment_id)
            if action is RequestAction.ACCEPT and _is_accepted(known, claim):
                return Heard(Answer.DONE)
            if not _is_theirs(known, claim):
                over = await self._over(claim)
                return over if action is RequestAction.ACCEPT else Heard(Answer.DONE)
            await asyncio.sleep(_LOOK_S)
        return Heard(Answer.ASKED)

    async def _over(self, claim: Claim) -> Heard:
        async with self._pool.acquire() as conn:
            owner = await current.owner_after(conn, claim.assignment_id)
        return Heard(Answer.OVER, owner)


def _is_theirs(known: Current | None, claim: Claim) -> bool:
    return known is not None and known.active and known.rep_id == claim.rep_id


def _is_accepted(known: Current | None, claim: Claim) -> bool:
    return (
        known is not None
        and known.status == AssignmentStatus.ACCEPTED
        and known.rep_id == claim.rep_id
    )


def read_action(name: str) -> RequestAction | None:
    """What a button asks for."""
    return {
        "accept": RequestAction.ACCEPT,
        "pass": RequestAction.REJECT,
        "reassign": RequestAction.REASSIGN,
    }.get(name)
