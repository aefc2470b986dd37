"""Whether anybody of a pool could take a lead now, whichever it is. Pure.

Asked before each look at a queue: thousands of leads that wait behind a team whose caps are reached
need not be tried every quarter of an hour, which would cost more with every lead that waits.
"""

from __future__ import annotations

from datetime import datetime

from schemas.base import Motion, RoleName
from services.kernel.people import NobodyFree, Pool
from services.routing.board import Board
from services.routing.eligibility import Barred, Cap, limits_of, over_cap
from services.routing.plan import Plan
from services.routing.review.world import World
from services.routing.seats import percent_of


class Room:
    """Who works, and who of them has room."""

    def __init__(self, plan: Plan, world: World) -> None:
        self.plan = plan
        self.world = world
        self._at_work: dict[str, tuple[datetime, tuple[str, ...], datetime | None]] = {}
        self._reaching: dict[str, tuple[str, ...]] = {}

    def left(self, pool: str, now: datetime) -> tuple[int, datetime | None]:
        """How many of a pool, or of those that it overflows into, work now, or 0 where each of them
        has as many leads as may be; and when the next may be free, as far as a clock tells."""
        working, opening = self._working(pool, now)
        if not working or self._gives_anyway(pool):
            return len(working), opening
        board = self.world.board(now, RoleName.SDR)
        full = [self._full(board, pool, member) for member in working]
        if any(why is None for why in full):
            return len(working), opening
        moments = (why.until for why in full if why is not None)
        known = [moment for moment in (opening, *moments) if moment is not None]
        return 0, min(known, default=None)

    def reaching(self, rep: str) -> tuple[str, ...]:
        """The pools whose leads a person may get, by overflow too."""
        if rep not in self._reaching:
            own = set(self.plan.pools_of(rep))
            self._reaching[rep] = tuple(
                name
                for name in self.plan.weights
                if not own.isdisjoint(one.id for one in self.plan.chain(name))
            )
        return self._reaching[rep]

    def _gives_anyway(self, pool: str) -> bool:
        chain = self.plan.chain(pool)
        return any(one.nobody_free is NobodyFree.ROUTE_ANYWAY for one in chain)

    def _working(self, pool: str, now: datetime) -> tuple[tuple[str, ...], datetime | None]:
        minute = now.replace(second=0, microsecond=0)
        known = self._at_work.get(pool)
        if known is None or known[0] != minute:
            known = self._at_work[pool] = (minute, *self._working_at(pool, minute))
        return known[1], known[2]

    def _working_at(self, pool: str, now: datetime) -> tuple[tuple[str, ...], datetime | None]:
        board = self.world.board(now, RoleName.SDR)
        weights = self.plan.weights
        members = {member for one in self.plan.chain(pool) for member in weights[one.id]}
        absences = {member: board.away(member) for member in members}
        moments = (one.until for one in absences.values() if one is not None)
        opening = min((one for one in moments if one is not None and one > now), default=None)
        return tuple(member for member, why in absences.items() if why is None), opening

    def _full(self, board: Board, pool: str, member: str) -> Barred | None:
        """Why a member can take nothing of a pool and of those behind it; None where they might."""
        if member not in board.capped:
            return None
        weights = self.plan.weights
        shared = [one for one in self.plan.chain(pool) if member in weights[one.id]]
        reasons = [self._over(board, one, member) for one in shared]
        if any(why is None or not _lasts(why) for why in reasons):
            return None
        return min(
            (why for why in reasons if why is not None and why.until is not None),
            key=lambda why: why.until or board.now,
            default=reasons[0],
        )

    def _over(self, board: Board, pool: Pool, member: str) -> Barred | None:
        rep = board.plan.rep(member)
        if rep is None:
            return None
        caps, of_pool = board.caps(rep), board.plan.caps_in(pool, member)
        percent = percent_of(board, member)
        limits = limits_of(caps, pool.id, of_pool, Motion.INBOUND, percent)
        whatever = [one for one in limits if one.why is not Cap.MOTION]
        return over_cap(rep, caps, whatever, board.load(member), board.now)


def _lasts(why: Barred) -> bool:
    """Until a known time, or until somebody takes a lead up; what rolls may open at any second."""
    return why.until is not None or why.why is Cap.OPEN
