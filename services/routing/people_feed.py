"""people.v1: what holds for each rep, told once whenever it changes, by whatever made it change."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final, cast

import asyncpg

from schemas.base import deterministic_id
from schemas.people import PersonChanged
from schemas.topics import PEOPLE
from services.routing.deciding import Clock
from services.routing.effective import next_change, person
from services.routing.events import SERVICE
from services.routing.overlay import RepChange
from services.routing.plan import Plan
from services.routing.store import boards, people
from services.routing.store.boards import Scope
from services.runtime.configstore import LiveConfig, Versioned
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output, output

PERIOD_S: Final = 0.5
_LOOK_AGAIN: Final = timedelta(seconds=30)
"""For what another process was told, and what begins or ends by time alone."""
_NO_CONTENT: Final = {"changed_at"}


class PeopleFeed:
    """The background task; of several processes one publishes."""

    def __init__(
        self, pool: asyncpg.Pool, outbox: Outbox, config: LiveConfig[Plan], clock: Clock
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._clock = clock
        self._done: str | None = None
        self._due: datetime | None = None

    async def run(self) -> None:
        """Follow configuration and time until cancelled."""
        while True:
            stale = self._due is None or self._clock() >= self._due
            if stale or self._config.current.version != self._done:
                await self.once()
            await asyncio.sleep(PERIOD_S)

    async def once(self) -> int:
        """Tell of everybody for whom something changed; how many."""
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            config = await self._config.locked(connection)
            await people.one_teller(connection)
            if await people.announced(connection) != config.version:
                await _seat(connection, config)
            changes = await people.believed(connection)
            now = self._clock()
            found = await tell(connection, config, changes, now)
            made = await self._outbox.store(connection, found)
        await self._outbox.release(made)
        self._done = config.version
        again = now + _LOOK_AGAIN
        self._due = min(again, next_change(changes, now) or again)
        return len(made)


async def tell(
    connection: Connection, config: Versioned[Plan], changes: list[RepChange], now: datetime
) -> list[Output]:
    """The events about everybody for whom something else holds than was told last.

    Reps who are no longer named are said to be inactive. The caller is the one teller.

    :param changes: all that are believed.
    """
    told = await people.told(connection)
    plan = config.value
    own: dict[str, list[RepChange]] = {}
    for change in changes:
        own.setdefault(change.rep_id, []).append(change)
    present = [
        person(plan, config.version, rep, own.get(rep.id, ()), now) for rep in plan.teams.reps
    ]
    gone = [
        PersonChanged.model_validate(
            {**last, "active": False, "config_version": config.version, "changed_at": now}
        )
        for rep, (last, _) in told.items()
        if rep not in plan.teams.rep and last["active"]
    ]
    made: list[Output] = []
    for one in (*present, *gone):
        last, number = told.get(one.rep_id, ({}, 0))
        content = one.model_dump(mode="json", exclude=_NO_CONTENT)
        if content == {name: value for name, value in last.items() if name not in _NO_CONTENT}:
            continue
        await people.tell(connection, one.rep_id, one.encode(), number + 1)
        made.append(_output(one, number + 1))
    return made


async def _seat(connection: Connection, config: Versioned[Plan]) -> None:
    pools = frozenset(config.value.weights)
    await boards.lock(connection, config.value, Scope({}, frozenset(), pools))
    await people.seat(connection, config.value)
    await people.announce(connection, config.version)


def _output(one: PersonChanged, number: int) -> Output:
    return output(
        PEOPLE,
        one.rep_id,
        one,
        event_id=deterministic_id("person", one.rep_id, number),
        service=SERVICE,
        at=one.changed_at,
    )
