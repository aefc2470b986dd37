"""Several capture processes at once, over real Postgres, in whatever order they come to run.

Each dies now and then between two of its steps, and its records are delivered again.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas import topics
from schemas.base import Lane, Motion
from schemas.cloudevents import Envelope
from schemas.submission import KeyKind, SubmissionReceived
from services.capture import config, events
from services.capture.adapters.base import Item
from services.capture.handlers import Decider
from services.runtime.database import Connection, is_infrastructure, open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record

CONFIG = config.parse({p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")})
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = b"installation"
WORKERS = 3
DEATHS = 0.04
"""Of a process, between two of its steps."""
TABLES = "deliveries, identities, leads, touches, quarantine, inbox, outbox"


@dataclass(frozen=True)
class Said:
    """One request: who, with which key, how often delivered."""

    key: str
    email: int | None
    phone: int | None
    form: str
    minute: int
    attempts: int

    @property
    def body(self) -> bytes:
        form: dict[str, object] = {"form_id": self.form}
        if self.email is not None:
            form["email"] = f"person{self.email}@acme{self.email}.com"
        if self.phone is not None:
            form["phone"] = f"+4930901{820 + self.phone}"
        if len(form) == 1:
            form["external_id"] = "x"
        return json.dumps(form).encode()

    def records(self) -> list[Record[SubmissionReceived]]:
        """Its deliveries: an answer was lost, so the sender came again, in a request of its own."""
        return [record(self, attempt) for attempt in range(self.attempts)]


def record(said: Said, attempt: int = 0) -> Record[SubmissionReceived]:
    at = AT + timedelta(minutes=said.minute, seconds=attempt)
    item = Item(said.body, said.key, KeyKind.VENDOR_ID)
    event = events.received("api", item, headers={}, lane=Lane.LIVE, motion=Motion.INBOUND, at=at)
    out = events.submission_output(event)
    envelope = Envelope.from_headers(out.headers)
    return Record(event, envelope, out.topic, 0, 0, out.key, out.value, out.headers)


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

        for batch in batches:
            while True:
                try:
                    outputs = await outbox.process(batch, decide)
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


async def decide_all(dsn: str, requests: list[Said], seed: int) -> tuple[Processes, list[object]]:
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
        touches = await pool.fetch(
            "select t.*, l.touches, l.account_key from capture.touches t"
            " left join capture.leads l using (lead_id) order by lead_id, touch"
        )
        return processes, list(touches)
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
@pytest.mark.timeout(180)
def test_every_delivery_has_one_outcome_and_every_person_one_row(
    postgres_dsn: str, requests: list[Said], seed: int
) -> None:
    processes, touches = asyncio.run(decide_all(postgres_dsn, requests, seed))

    outcomes: dict[UUID, dict[UUID, Output]] = defaultdict(dict)
    for out in processes.published:
        envelope = Envelope.from_headers(out.headers)
        document = json.loads(out.value)
        known = outcomes[UUID(document["submission_id"])].setdefault(envelope.id, out)
        assert known.value == out.value, "a repeat is the same bytes"
    submissions = {record(one).event.submission_id for one in requests}
    assert set(outcomes) == submissions
    assert {len(found) for found in outcomes.values()} == {1}

    # Of the bodies under one key one is the delivery, the others are conflicts.
    captured = [
        json.loads(out.value)
        for found in outcomes.values()
        for out in found.values()
        if out.topic == topics.CAPTURED.name
    ]
    assert len(captured) == len({one.key for one in requests}) == len(touches)

    lead_of: dict[str, str] = {}
    for one in captured:
        address, lead_id = one["lead"]["email"], one["lead"]["lead_id"]
        if address is not None:
            assert lead_of.setdefault(address, lead_id) == lead_id, "a mailbox is one lead"
    assert len(set(lead_of.values())) == len(lead_of), "and two mailboxes are two"

    aside = [
        json.loads(out.value)["reason"]
        for found in outcomes.values()
        for out in found.values()
        if out.topic == topics.QUARANTINE.name
    ]
    bodies = {(one.key, one.body) for one in requests}
    assert aside == ["conflict"] * (len(bodies) - len(captured))

    by_lead: dict[UUID, list[object]] = defaultdict(list)
    for touch in touches:
        by_lead[touch["lead_id"]].append(touch)  # type: ignore[index]
    for lead, mine in by_lead.items():
        numbers = [touch["touch"] for touch in mine]  # type: ignore[index]
        assert numbers == list(range(1, len(mine) + 1)), lead
        firsts = Counter(touch["repeat"] for touch in mine)["first"]  # type: ignore[index]
        assert firsts == 1
        assert {touch["touches"] for touch in mine} == {len(mine)}  # type: ignore[index]
    keys: dict[str, str] = {}
    for one in captured:
        assert (
            keys.setdefault(one["lead"]["lead_id"], one["lead"]["account_key"])
            == (one["lead"]["account_key"])
        ), "the account key of a lead never changes"
