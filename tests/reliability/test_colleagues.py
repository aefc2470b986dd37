"""Two colleagues at the same moment, on both lanes, in two routing processes: one owner."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.support import used
from tests.support.observer import Seen
from tests.support.pipeline import Pipeline, member
from tests.support.traffic import API, ask
from tests.support.waiting import eventually
from tests.support.world import World, world

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(600)]

LIVE, BULK = "leads.scored.v1", "leads.scored.bulk.v1"


@dataclass(frozen=True)
class Scored:
    """A record for routing."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


@pytest.mark.parametrize("pairs", [30, pytest.param(300, marks=pytest.mark.long)])
async def test_two_colleagues_at_once_get_one_owner(
    pipeline: Pipeline, run: str, pairs: int
) -> None:
    async with world(pipeline) as outside:
        with member(pipeline, "routing"):
            ours, others = await _split(pipeline)
            template = await _template(outside, run)
            records, accounts = [], []
            for number in range(pairs):
                account = f"pair{number}-{run}.example"
                accounts.append(account)
                # One of the two is decided by the one process, the other by the other one.
                live, bulk = (ours, others) if number % 2 else (others, ours)
                for topic, places in ((LIVE, live), (BULK, bulk)):
                    records.append(_colleague(template, account, topic, places))
            pipeline.injected.update(json.loads(r.value)["submission_id"] for r in records)
            await _publish(pipeline.kafka, records)
            await _all_ended(outside, accounts, 2)
            await asyncio.gather(*(_ask_both(outside, f"{run}-{n}") for n in range(pairs // 3)))
            report = await outside.settled()
        owners = await _owners(pipeline, f"%{run}%.example")
    assert all(len(owners[account]) == 1 for account in accounts), owners
    # Two active assignments, one for each lead, both with the same rep.
    assert all(len(leads) == 2 for account in accounts for leads in owners[account].values())
    assert all(len(reps) == 1 for reps in owners.values()), owners
    used.note(f"{pairs} pairs of colleagues at once", f"one owner each; {report}")


async def _split(pipeline: Pipeline) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """Partitions of each topic by process: those of ``up``'s routing, those of the second one."""

    def shared() -> list[dict[str, set[int]]]:
        found: dict[bool, dict[str, set[int]]] = {True: {}, False: {}}
        for group, topic in (("routing", LIVE), ("routing.bulk", BULK)):
            members = pipeline.members(group)
            for name, places in members.items():
                found[name.startswith("up-routing")][topic] = {number for _, number in places}
        whole = all(len(one) == 2 and all(one.values()) for one in found.values())
        return [found[True], found[False]] if whole else []

    ours, others = await eventually(lambda: asyncio.to_thread(shared), 90, pause=0.2)
    return ours, others


async def _template(outside: World, run: str) -> Seen:
    """A record of routing's input as the pipeline makes it."""
    answer = await outside.attempt(ask(run, 1, f"first@template-{run}.example", API))

    def mine(seen: Seen) -> bool:
        event = json.loads(seen.value or b"{}")
        return bool(event.get("submission_id") == answer.submission_id)

    return await outside.bus.first(LIVE, mine)


def _colleague(template: Seen, account: str, topic: str, places: dict[str, set[int]]) -> Scored:
    """Somebody of an account asks for a demo; on the lane of ``topic``."""
    event: dict[str, Any] = json.loads(template.value or b"")
    lead_id, person = str(uuid.uuid4()), f"{uuid.uuid4().hex[:8]}@{account}"
    event |= {
        "submission_id": str(uuid.uuid4()),
        "received_at": datetime.now(UTC).isoformat(),
        "lane": "bulk" if topic == BULK else "live",
    }
    event["lead"] |= {"lead_id": lead_id, "account_key": account, "email": person}
    own = {"ce_id": str(uuid.uuid4()), "ce_subject": lead_id}
    headers = [(name, own[name].encode() if name in own else v) for name, v in template.headers]
    value = json.dumps(event).encode()
    return Scored(topic, min(places[topic]), account.encode(), value, headers)


async def _publish(bootstrap: str, records: list[Scored]) -> None:
    """All at once: they lie in the log before the first is decided, or nearly so."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        sent = [
            await producer.send(
                one.topic, one.value, key=one.key, partition=one.partition, headers=one.headers
            )
            for one in records
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def _all_ended(outside: World, accounts: list[str], each: int) -> None:
    def ended() -> bool:
        counts: dict[str, set[str]] = defaultdict(set)
        for seen in outside.bus.of("assignments.v1"):
            event = json.loads(seen.value or b"")
            counts[event["account_key"]].add(event["lead_id"])
        return all(len(counts[account]) == each for account in accounts)

    await outside.bus.until(ended, 120, "an assignment for each colleague")


async def _ask_both(outside: World, mark: str) -> None:
    """Over HTTP: a demo request, and a prospect of the same company, which goes by bulk."""
    await asyncio.gather(
        outside.deliver(ask(mark, 1, f"ann@both-{mark}.example", API)),
        outside.deliver(ask(mark, 2, f"bob@both-{mark}.example", API, "prospect")),
    )


async def _owners(pipeline: Pipeline, like: str) -> dict[str, dict[str, set[str]]]:
    """Account -> rep -> the leads that the rep has of it."""
    rows = await pipeline.rows(
        "select account_key, rep_id, lead_id::text from routing.attempts where account_key like $1"
        " and status in ('assigned', 'reassigned', 'accepted', 'escalated')",
        like,
    )
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for account, rep, lead in rows:
        found[account][rep].add(lead)
    return found
