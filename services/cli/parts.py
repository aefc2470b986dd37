"""The database and the broker that ``up`` stands on, as its options choose them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

from services.cli import target
from services.cli.output import CommandError
from services.runtime.database import is_infrastructure
from services.runtime.datafolder import DataFolder
from services.runtime.dsn import DSN, is_dsn
from services.runtime.embedded.broker import EmbeddedBroker
from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.postgres import EmbeddedPostgres
from services.runtime.settings import KafkaSettings
from services.runtime.supervisor import Part

Say = Callable[[str], None]
_PATIENCE_S: Final = 15.0


@dataclass(slots=True)
class Parts:
    """What was started here; ``owned`` is what the supervisor keeps and ``stop`` ends."""

    folder: DataFolder
    kafka_choice: str
    postgres_choice: str
    say: Say
    owned: dict[str, Part] = field(default_factory=dict)
    _starting: list[asyncio.Task[Any]] = field(default_factory=list)
    _postgres: EmbeddedPostgres | None = None

    @property
    def broker(self) -> str:
        """embedded, apache or external."""
        return self.kafka_choice if self.kafka_choice in ("embedded", "apache") else "external"

    @property
    def own_database(self) -> bool:
        return self._postgres is not None

    @property
    def dsn(self) -> str:
        return self._postgres.dsn if self._postgres else self.postgres_choice

    @property
    def bootstrap(self) -> str:
        broker = self.owned.get("kafka")
        return broker.address if broker else self.kafka_choice

    @property
    def kafka(self) -> KafkaSettings:
        """How `up` itself talks to it; services get the same from their environment."""
        if self.broker == "external":
            return target.kafka_at(self.kafka_choice)
        return KafkaSettings(bootstrap_servers=self.bootstrap, embedded=self.broker == "embedded")

    def choose(self) -> None:
        """Makes the parts, starts nothing; raises CommandError on an address that is none."""
        if self.postgres_choice == "embedded":
            self._postgres = EmbeddedPostgres(self.folder.postgres)
            self.owned["postgres"] = self._postgres
        elif not is_dsn(self.postgres_choice):
            raise CommandError(f"--postgres is `embedded` or {DSN}", 2)
        match self.broker:
            case "embedded":
                self.owned["kafka"] = EmbeddedBroker(self.folder.log("broker"))
            case "apache":
                self.owned["kafka"] = EmbeddedKafka(self.folder.kafka, progress=self.say)
            case _ if ":" not in self.kafka_choice:
                raise CommandError("--kafka is `embedded`, `apache` or host:port,...", 2)
            case _:
                target.kafka_at(self.kafka_choice)

    def start(self, name: str) -> Coroutine[Any, Any, None]:
        """Starts one part in a thread; nothing to do where it is external."""
        part = self.owned.get(name)

        async def run() -> None:
            if part is None:
                if name == "postgres":
                    await _answers(self.dsn)
                return
            task = asyncio.create_task(asyncio.to_thread(part.start))
            self._starting.append(task)
            await asyncio.shield(task)

        return run()

    async def stop(self) -> None:
        """Ends what was started, also what is still starting: a thread cannot be interrupted."""
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(asyncio.to_thread(part.stop) for part in self.owned.values()))


async def _answers(dsn: str) -> None:
    """Return once Postgres lets us in.

    :raises CommandError: it did not within ``_PATIENCE_S``, or never will.
    """
    place = urlsplit(dsn).netloc.rpartition("@")[2] or "localhost"
    retrying = AsyncRetrying(
        retry=retry_if_exception(is_infrastructure),
        stop=stop_after_delay(_PATIENCE_S),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    try:
        connection: asyncpg.Connection = await retrying(asyncpg.connect, dsn, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CommandError(
            f"no Postgres for us at {place}: {error or type(error).__name__}"
        ) from error
    await connection.close()
