"""Several capture processes at once, over real Postgres, in whatever order they come to run.

Each dies now and then between two of its steps, and its records are delivered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import asyncpg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.submission import SubmissionReceived
from services.capture import config
from services.capture.handlers import Decider
from services.runtime.database import Connection, is_infrastructure, open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import First, Outbox
from services.runtime.records import Output, Record
from tests.support.repeating import AT, TABLES, TOUCHES, Decided, Said, assert_each_once

CONFIG = config.parse({p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")})
SECRET = b"installation"
WORKERS = 3
DEATHS = 0.04
"""Of a process, between two of its steps."""


said = st.builds(
    Said,
    key=st.sampled_from([f"k{n}" for n in range(12)]),
    email=st.none() | st.integers(0, 3),
    phone=st.none() | st.integers(0, 2),
    form=st.sampled_from(["demo", "contact"]),
    minute=st.integers(0, 40),
    attempts=st.integers(1, 3),
)


class Died(OSError):
    """The process is gone: whatever it had not committed is rolled back."""


class Mortal:
    """A connection of a process that is slow, and dies, between any two statements."""

    def __init__(self, conn: Connection, chance: Random) -> None:
        self._conn = conn
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        statement = getattr(self._conn, name)

        async def run(*arguments: Any) -> Any:
            await self.step()
            return await statement(*arguments)

        return run

    async def step(self) -> None:
        if self._chance.random() < DEATHS:
            raise Died
        await asyncio.sleep(self._chance.choice((0, 0, 0.002)))


class Processes:
    """Capture consumers that share nothing but Postgres."""

    def __init__(self, pool: asyncpg.Pool, chance: Random) -> None:
        self.pool = pool
        self.chance = chance
        self.published: list[Output] = []
        self.deaths = 0

    async def work(self, batches: Sequence[Sequence[Record[SubmissionReceived]]]) -> None:
        outbox = Outbox("capture", self.pool, self._publish, Metrics())
        decider = Decider(lambda: CONFIG, SECRET, lambda: AT)

        async def decide(conn: Connection, records: Sequence[Record[SubmissionReceived]]) -> Any:
            mortal = Mortal(conn, self.chance)
            outputs = await decider.decide(cast("Connection", mortal), records)
            await mortal.step()
            return outputs

        def first(records: Sequence[Record[SubmissionReceived]]) -> First | None:
            if self.chance.random() < DEATHS:
                raise Died
            return decider.first(records)

        for batch in batches:
            while True:
                try:
                    outputs = await outbox.process(batch, decide, first)
                    if self.chance.random() < DEATHS:
                        raise Died  # committed, and told nobody
                    self.published += outputs
                    break
                except Exception as error:
                    self.deaths += isinstance(error, Died)
                    if not is_infrastructure(error):  # the stage would repeat it as well
                        raise

    async def _publish(self, outputs: Sequence[Output]) -> None:
        self.published += outputs


async def decide_all(
    dsn: str, requests: list[Said], seed: int
) -> tuple[Processes, list[dict[str, Any]]]:
    shuffle = Random(seed)
    records = [one for request in requests for one in request.records()]
    shuffle.shuffle(records)
    records += shuffle.sample(records, len(records) // 3)  # the broker delivers again
    shares = [records[n::WORKERS] for n in range(WORKERS)]
    pool = await open_pool(dsn, size=WORKERS + 1)
    try:
        await pool.execute(
            "truncate " + ", ".join(f"capture.{name}" for name in TABLES.split(", "))
        )
        processes = Processes(pool, shuffle)
        batches = [
            [share[i : i + size] for i in range(0, len(share), size)]
            for share in shares
            for size in [shuffle.randint(1, 6)]
        ]
        await asyncio.gather(*(processes.work(mine) for mine in batches))
        return processes, [dict(row) for row in await pool.fetch(TOUCHES)]
    finally:
        await pool.close()


@given(requests=st.lists(said, min_size=1, max_size=25), seed=st.integers(0, 2**32))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Each run is a race of its own: a smaller example need not fail again.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_every_delivery_has_one_outcome_and_every_person_one_row(
    postgres_dsn: str, requests: list[Said], seed: int
) -> None:
    processes, touches = asyncio.run(decide_all(postgres_dsn, requests, seed))

    assert_each_once(requests, [Decided.of(out) for out in processes.published], touches)
