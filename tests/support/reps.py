"""Reps who accept, reject, ignore and answer late, as an outsider sees them: HTTP and the bus."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
from aiokafka import AIOKafkaProducer

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.cloudevents import Envelope
from schemas.topics import ACTIVITIES, ASSIGNMENTS
from tests.support.observer import Observer, Seen
from tests.support.waiting import eventually

S = AssignmentStatus
GIVEN = frozenset({S.ASSIGNED, S.REASSIGNED, S.ESCALATED})
OWNED = GIVEN | {S.ACCEPTED}
_BUSY = (httpx.TransportError, asyncio.TimeoutError)


@dataclass
class Desk:
    """All reps; each new attempt meets one of them in one mood."""

    bus: Observer
    routing: str
    headers: dict[str, str]
    kafka: str
    in_time_s: float
    late_s: float
    seed: int = 1
    did: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _seen: int = 0

    async def run(self) -> None:
        """Until cancelled."""
        dice = random.Random(self.seed)
        met: set[UUID] = set()
        async with httpx.AsyncClient(timeout=30) as http:
            producer = AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all")
            await producer.start()
            try:
                while True:
                    seen = self.bus.of(ASSIGNMENTS.name)
                    new, self._seen = seen[self._seen :], len(seen)
                    for record in new:
                        event = read(record)
                        if event.status in GIVEN and event.assignment_id not in met:
                            met.add(event.assignment_id)
                            self._start(self._meet(event, dice.random(), http, producer))
                    await asyncio.sleep(0.05)
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await producer.stop()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _meet(
        self,
        event: AssignmentChanged,
        mood: float,
        http: httpx.AsyncClient,
        producer: AIOKafkaProducer,
    ) -> None:
        if mood < 0.35:
            await self._touch(event, producer, mood / 0.35 * self.in_time_s)
        elif mood < 0.5:
            await self._act(event, http, "accept")
            await self._touch(event, producer, self.in_time_s / 2)
        elif mood < 0.6:
            await self._act(event, http, "accept")  # and then forgets it
        elif mood < 0.72:
            await asyncio.sleep(self.in_time_s / 2)
            await self._act(event, http, "reject")
        elif mood < 0.82:
            await self._touch(event, producer, self.late_s)
        elif mood < 0.9:
            await asyncio.sleep(self.late_s)
            await self._act(event, http, "accept")  # somebody else has it by now
        else:
            self.did["ignored"] += 1
            await self._tell(event, producer, Actor.AUTOMATION)

    async def _touch(
        self, event: AssignmentChanged, producer: AIOKafkaProducer, after: float
    ) -> None:
        await asyncio.sleep(after)
        self.did["touched"] += 1
        await self._tell(event, producer, Actor.HUMAN)

    async def _tell(
        self, event: AssignmentChanged, producer: AIOKafkaProducer, actor: Actor
    ) -> None:
        now = datetime.now(UTC)
        told = ActivityRecorded(
            activity=ActivityName.EMAIL_SENT,
            occurred_at=now,
            received_at=now,
            actor=actor,
            rep_id=event.rep.id if event.rep else None,
            assignment_id=event.assignment_id,
        )
        envelope = Envelope(
            id=uuid4(), type=told.TYPE, source="/crm", subject=told.subject, time=now
        )
        await producer.send_and_wait(
            ACTIVITIES.name,
            told.encode(),
            key=event.account_key.encode(),
            headers=list(envelope.to_headers()),
        )

    async def _act(self, event: AssignmentChanged, http: httpx.AsyncClient, how: str) -> None:
        url = f"{self.routing}/v1/assignments/{event.assignment_id}/{how}"
        body = {"rep_id": event.rep.id if event.rep else "", "reason": f"{how}ed in a test"}

        async def answered() -> int:
            try:
                status = (await http.post(url, json=body, headers=self.headers)).status_code
            except _BUSY:
                return 0
            return 0 if status >= 500 else status

        status: int = await eventually(answered, 60, pause=0.2)
        self.did[f"{how} {status}"] += 1


def read(record: Seen) -> AssignmentChanged:
    return AssignmentChanged.read(record.value or b"")


def two_owners(events: list[AssignmentChanged]) -> list[str]:
    """Moments of the recorded history at which a lead has two owners; each in words."""
    faults = []
    by_lead: dict[UUID, dict[int, AssignmentChanged]] = {}
    for event in events:
        by_lead.setdefault(event.lead_id, {})[event.sequence] = event
    for lead, told in by_lead.items():
        active: set[UUID] = set()
        if sorted(told) != list(range(1, len(told) + 1)):
            faults.append(f"{lead}: sequences {sorted(told)}")
        for sequence in sorted(told):
            event = told[sequence]
            if event.status in OWNED:
                active.add(event.assignment_id)
            elif event.status is not S.RE_ENGAGED:
                active.discard(event.assignment_id)
            if len(active) > 1:
                faults.append(f"{lead}: two owners at {sequence}")
    return faults
