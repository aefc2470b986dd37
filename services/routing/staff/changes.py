"""What operators change about people by command or over HTTP: one transaction per change.

A change waits for the decisions in progress and is committed before the next begins, so that nobody
gets a lead after the answer to ``pause``. It is told on people.v1 from the same transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import asyncpg

from services.kernel.faults import did_you_mean
from services.kernel.people import MOST, Leave, leave_fault, start_of_day
from services.routing.deciding import Clock
from services.routing.effective import Published, describe
from services.routing.overlay import CAP_NAMES, Kind, RepChange
from services.routing.people_feed import tell
from services.routing.plan import Plan
from services.routing.staff.session import Author, RepFault, Session, rep_of
from services.routing.store import leave_feeds, people
from services.runtime.configstore import ConfigStore, LiveConfig, Versioned
from services.runtime.database import Connection
from services.runtime.outbox import Outbox


class Reps:
    """The people of an installation, as they are now, and what changes them."""

    def __init__(
        self, pool: asyncpg.Pool, outbox: Outbox, config: LiveConfig[Plan], clock: Clock
    ) -> None:
        self.pool = pool
        self._outbox = outbox
        self._config = config
        self._clock = clock

    def zone(self, rep_id: str) -> ZoneInfo:
        """By whose clock a person lives.

        :raises UnknownRep: there is nobody of that id.
        """
        return rep_of(self._config.current.value, rep_id).zone

    # -- asking ---------------------------------------------------------------------------------
    async def every(self, pool: str | None = None) -> list[dict[str, Any]]:
        """Everybody, or the members of a pool, in the order of the configuration."""
        async with self.pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            config, published = await self._read(connection)
            changes = await people.believed(connection)
        plan, now = config.value, self._clock()
        if pool is not None and pool not in plan.weights:
            hint = did_you_mean(pool, tuple(plan.weights))
            raise RepFault(f"there is no pool {pool}{hint}")
        members = plan.weights[pool] if pool is not None else plan.teams.rep
        return [
            describe(plan, published, rep, [one for one in changes if one.rep_id == rep.id], now)
            for rep in plan.teams.reps
            if rep.id in members
        ]

    async def one(
        self, rep_id: str, at: datetime | None = None, known_at: datetime | None = None
    ) -> dict[str, Any]:
        """One person with the history of changes.

        :param at: the instant to describe; None for now.
        :param known_at: as it was known then; None for as it is known now.
        :raises UnknownRep: there is nobody of that id.
        """
        async with self.pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            config, published = await self._read(connection)
            rep = rep_of(config.value, rep_id)
            changes = await people.believed(connection, known_at, rep_id)
            history = await people.history(connection, rep_id)
            feed = await leave_feeds.state(connection, rep_id) if rep.leave_calendar else None
        moment = at or self._clock()
        return {
            **describe(config.value, published, rep, changes, moment),
            "at": moment,
            "leave_calendar": feed,
            "history": [_line(one) for one in history],
        }

    async def _read(self, connection: Connection) -> tuple[Versioned[Plan], Published]:
        config = self._config.current
        entries = await ConfigStore().list(connection, 100)
        entry = next((one for one in entries if one.version == config.version), None)
        if entry is None:
            return config, Published(config.version)
        return config, Published(config.version, entry.author, entry.at)

    # -- changing -------------------------------------------------------------------------------
    async def pause(
        self,
        author: Author,
        rep_id: str,
        start: datetime | None = None,
        until: datetime | None = None,
    ) -> dict[str, Any]:
        """No new leads from ``start`` (now) until ``until`` (or until somebody resumes)."""

        async def work(session: Session) -> None:
            session.rep(rep_id)
            before = await session.believed(rep_id, Kind.PAUSE)
            await session.take_back(one for one in before if start is None or one.holds(start))
            await session.record(rep_id, Kind.PAUSE, {}, start, until)

        await self.change(author, work)
        return await self.one(rep_id)

    async def resume(self, author: Author, rep_id: str) -> dict[str, Any]:
        """End every pause, and bring back who was offboarded.

        :raises RepFault: there is nothing to end.
        """

        async def work(session: Session) -> None:
            session.rep(rep_id)
            if not await session.take_back(await session.believed(rep_id, Kind.PAUSE, Kind.LEFT)):
                raise RepFault(f"{rep_id} is neither paused nor offboarded by command")

        await self.change(author, work)
        return await self.one(rep_id)

    async def leave(
        self, author: Author, rep_id: str, first: date, last: date, backup: str | None = None
    ) -> dict[str, Any]:
        """Whole days away, by the person's own calendar, both included."""

        async def work(session: Session) -> None:
            rep = session.rep(rep_id)
            if backup is not None and session.rep(backup).id == rep_id:
                raise RepFault("nobody is their own backup")
            if (wrong := leave_fault(first, last)) is not None:
                raise RepFault(wrong)
            end = start_of_day(rep.zone, last + timedelta(days=1))
            one = Leave(first=first, last=last, reason=author.note or "leave", backup=backup)
            value = one.model_dump(mode="json", by_alias=True, exclude_none=True)
            # Valid from now on: the days before a leave count as well.
            await session.record(rep_id, Kind.LEAVE, value, None, end)

        await self.change(author, work)
        return await self.one(rep_id)

    async def cancel_leave(self, author: Author, rep_id: str, change: int) -> dict[str, Any]:
        """Take a leave back that a command made.

        :raises RepFault: there is no such leave.
        """

        async def work(session: Session) -> None:
            session.rep(rep_id)
            found = await session.believed(rep_id, Kind.LEAVE)
            if not await session.take_back(one for one in found if one.id == change):
                known = ", ".join(str(one.id) for one in found) or "none"
                raise RepFault(f"{rep_id} has no leave {change} by command; there are: {known}")

        await self.change(author, work)
        return await self.one(rep_id)

    async def cap(
        self,
        author: Author,
        rep_id: str,
        limits: Mapping[str, int | None],
        until: datetime | None = None,
    ) -> dict[str, Any]:
        """Other limits in place of the configured ones; None for no limit.

        :param limits: of ``hour``, ``day``, ``week`` and ``open``; nothing else is touched.
        """
        if not limits or not limits.keys() <= set(CAP_NAMES):
            raise RepFault(f"a cap names at least one of {', '.join(CAP_NAMES)}")
        if any(limit is not None and limit < 1 for limit in limits.values()):
            raise RepFault("a limit is at least 1; to give nobody a lead, pause them")
        if any(limit is not None and limit > MOST for limit in limits.values()):
            raise RepFault(f"a limit is at most {MOST}; for no limit say none")

        async def work(session: Session) -> None:
            session.rep(rep_id)
            if until is None:  # what it replaces for good is not kept below it
                before = await session.believed(rep_id, Kind.CAP)
                await session.take_back(one for one in before if one.value.keys() <= limits.keys())
            await session.record(rep_id, Kind.CAP, limits, None, until)

        await self.change(author, work)
        return await self.one(rep_id)

    async def uncap(self, author: Author, rep_id: str) -> dict[str, Any]:
        """Back to the configured limits.

        :raises RepFault: no command changed them.
        """

        async def work(session: Session) -> None:
            session.rep(rep_id)
            if not await session.take_back(await session.believed(rep_id, Kind.CAP)):
                raise RepFault(f"no command changed a limit of {rep_id}")

        await self.change(author, work)
        return await self.one(rep_id)

    async def change(self, author: Author, work: Callable[[Session], Awaitable[None]]) -> None:
        """Carry out one change, and tell of it."""
        async with self.pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            session = await self.session(connection, author)
            await work(session)
            await people.one_teller(connection)
            changes = await people.believed(connection)
            found = await tell(connection, session.config, changes, session.now)
            made = await self._outbox.store(connection, found)
        await self._outbox.release(made)

    async def session(
        self, connection: Connection, author: Author, *, alone: bool = True
    ) -> Session:
        """:param alone: nothing is decided until the caller's transaction ends."""
        if alone:
            await people.alone(connection)
        config = await self._config.locked(connection)
        # The time is taken under the lock: no decision that did not see the change is dated later.
        return Session(connection, config, self._clock(), author)


def _line(change: RepChange) -> dict[str, Any]:
    return {
        "change": change.id,
        "kind": change.kind.value,
        "value": change.value,
        "valid_from": change.valid_from,
        "valid_until": change.valid_until,
        "recorded_at": change.recorded_at,
        "by": change.by,
        "note": change.note,
        "superseded_at": change.superseded_at,
        "superseded_by": change.superseded_by,
    }
