"""A person gave a lead another owner in the CRM: routing is asked to follow.

Asked once for each owner and attempt, so that a sink which is tried again asks nothing new. Routing
decides; where it gives the lead to that owner, the CRM has it already.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from schemas.assignment import AssignmentChanged, AssignmentRequested, RequestAction
from schemas.base import deterministic_id
from schemas.topics import ASSIGNMENT_REQUESTS
from services.delivery.acting import SERVICE
from services.delivery.model import Delivery, Owned
from services.delivery.store import people
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output, output


class Following:
    """Turns an owner of a CRM into a request."""

    def __init__(self, outbox: Outbox, now: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._now = now

    async def store(self, conn: Connection, it: Delivery, owned: Owned) -> list[Output] | None:
        """Store the request in the caller's transaction; None where we do not know the owner."""
        rep = await people.of_owner(conn, owned.system, owned.owner_id)
        if rep is None:
            return None
        reason = f"the owner in {it.sink} is another"
        return await self._outbox.store(conn, [self.request(it.event, it.sink, rep.rep_id, reason)])

    def request(
        self, of: AssignmentChanged, sink: str, to: str, reason: str, asker: str | None = None
    ) -> Output:
        """That the lead is given to whom the CRM names; the same however often it is found out.

        :param asker: the rep who changed it there, where it was one.
        """
        at = self._now()
        event = AssignmentRequested(
            assignment_id=of.assignment_id,
            action=RequestAction.REASSIGN,
            rep_id=asker,
            to_rep_id=to,
            reason=reason,
            requested_at=at,
        )
        return output(
            ASSIGNMENT_REQUESTS,
            of.account_key,
            event,
            event_id=deterministic_id("follow", sink, of.assignment_id, to),
            service=SERVICE,
            at=at,
        )

    async def release(self, stored: list[Output]) -> None:
        """Publish it, now that it is committed."""
        await self._outbox.release(stored)
