"""people.v1: the reps of each configuration version, published once when it becomes active."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final, cast

import asyncpg

from schemas.base import deterministic_id
from schemas.people import PersonChanged
from schemas.topics import PEOPLE
from services.kernel.people import Rep
from services.routing.config import parse
from services.routing.deciding import Clock
from services.routing.events import SERVICE
from services.routing.plan import Plan
from services.routing.store import boards, people
from services.routing.store.boards import Scope
from services.runtime.configfile import ConfigError
from services.runtime.configstore import ConfigStore, LiveConfig, NoConfiguration, Versioned
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output, output

PERIOD_S: Final = 0.5


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

    async def run(self) -> None:
        """Follow the configuration until cancelled."""
        while True:
            if self._config.current.version != self._done:
                await self.once()
            await asyncio.sleep(PERIOD_S)

    async def once(self) -> int:
        """Publish the active version's people, unless that was done; how many."""
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            config = await self._config.locked(connection)
            before = await people.announced(connection)
            made: list[Output] = []
            if before != config.version:
                number = await people.announce(connection, config.version)
                pools = frozenset(config.value.weights)
                await boards.lock(connection, config.value, Scope({}, frozenset(), pools))
                await people.seat(connection, config.value)
                gone = await _gone(connection, before, config.value)
                found = _outputs(config, gone, number, self._clock())
                made = await self._outbox.store(connection, found)
        await self._outbox.release(made)
        self._done = config.version
        return len(made)


async def _gone(connection: Connection, before: str | None, plan: Plan) -> list[Rep]:
    """Reps of the version before who are no longer named: said to be inactive."""
    if before is None:
        return []
    try:
        old = parse(await ConfigStore().files(connection, before))
    except (ConfigError, NoConfiguration):
        return []  # written for an older release; its people were told of then
    return [
        rep.model_copy(update={"active": False})
        for rep in old.teams.reps
        if rep.id not in plan.teams.rep
    ]


def _outputs(config: Versioned[Plan], gone: list[Rep], number: int, now: datetime) -> list[Output]:
    plan = config.value
    return [
        output(
            PEOPLE,
            rep.id,
            PersonChanged(
                rep_id=rep.id,
                name=rep.name,
                email=rep.email,
                role=rep.role,
                pools=plan.pools_of(rep.id),
                time_zone=rep.time_zone,
                calendar=rep.calendar,
                active=rep.active,
                caps=rep.caps.flat(),
                external_ids=rep.external_ids,
                config_version=config.version,
                changed_at=now,
            ),
            event_id=deterministic_id("person", rep.id, config.version, number),
            service=SERVICE,
            at=now,
        )
        for rep in (*plan.teams.reps, *gone)
    ]
