"""Reps of every mood, services killed at random: every lead ends touched or with the team told."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from itertools import cycle, islice
from pathlib import Path

import httpx
import pytest
import yaml

from schemas.assignment import AssignmentChanged
from schemas.topics import ASSIGNMENTS
from tests.support import reps
from tests.support.hours import always_at_work
from tests.support.observer import observing
from tests.support.pipeline import Pipeline, running
from tests.support.standin import StandIn
from tests.support.waiting import eventually

SCALE = 60
RESPONSE = """
time: wall_clock
hops: 2
tiers:
  hot: {reminder: 3m, breach: 5m, escalation: 18m}
  warm: {acceptance: 4m, reminder: 3m, breach: 5m}
  nurture: {reminder: 3m, breach: 5m}
"""
IN_TIME_S, LATE_S = 2.0, 8.0
VICTIMS = ("response", "routing", "delivery", "scoring", "enrichment")
HOOK = "whsec_cmVsaWFiaWxpdHktb2YtYS10ZXN0LWhvb2s="

pytestmark = pytest.mark.real_kafka


@pytest.fixture
async def hook() -> AsyncIterator[StandIn]:
    """A sink that is told the whole history."""
    async with StandIn() as there:
        yield there


@pytest.fixture
def config(tmp_path: Path, hook: StandIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANDRAISE_SECRET_RELIABILITY_HOOK", HOOK)
    folder = always_at_work(tmp_path)  # a lead that is held waits for the day: no end here
    (folder / "response.yaml").write_text(RESPONSE, "utf-8")
    sink = {
        "type": "webhook",
        "url": f"{hook.url}/in",
        "secret": "RELIABILITY_HOOK",
        "allow_networks": ["127.0.0.1/32"],
        "timeout_ms": 2000,
        "rate": {"calls": 1000},
    }
    (folder / "delivery.yaml").write_text(yaml.safe_dump({"sinks": {"hook": sink}}), "utf-8")
    return folder


async def send(pipeline: Pipeline, leads: int, per_second: float) -> None:
    """Demo requests of strangers, each taken before the next one counts."""
    async with httpx.AsyncClient(timeout=10, headers=pipeline.up.headers) as http:

        async def one(number: int) -> None:
            email = f"lead{number}@company{number}.example"
            body = {"kind": "demo_request", "email": email, "external_id": str(number)}

            async def taken() -> bool:
                try:
                    answer = await http.post(f"{pipeline.up.http}/v1/leads", json=body)
                except httpx.TransportError:
                    return False
                return answer.status_code == 200

            await eventually(taken, 60, pause=0.2)

        async with asyncio.TaskGroup() as group:
            for number in range(leads):
                group.create_task(one(number))
                await asyncio.sleep(1 / per_second)


async def kill(pipeline: Pipeline, times: int, every_s: float, seed: int) -> Counter[str]:
    """In turn: a service that dies four times within its first half minute is given up."""
    victims = list(VICTIMS)
    random.Random(seed).shuffle(victims)
    killed = Counter[str]()
    for name in islice(cycle(victims), times):
        await asyncio.sleep(every_s)
        await asyncio.to_thread(pipeline.kill, name)
        killed[name] += 1
    return killed


async def told(
    pipeline: Pipeline, hook: StandIn, events: list[AssignmentChanged], patience_s: float
) -> Counter[str]:
    """What the sink was told: every change, and no more of them twice than calls were cut off."""

    async def nothing_waits() -> bool:
        rows = await pipeline.rows("select 1 from delivery.deliveries where state = 'waiting'")
        return not rows

    await eventually(nothing_waits, patience_s, pause=0.5)
    [(cut_off,)] = await pipeline.rows(
        "select (select coalesce(sum(attempts), 0) from delivery.deliveries)::int"
        " - (select count(*) from delivery.attempts)::int"
    )
    ids = Counter(asked.headers["webhook-id"] for asked in hook.asked)
    twice = sum(ids.values()) - len(ids)
    assert twice <= cut_off
    said = [asked.json for asked in hook.asked]
    heard = {
        (one["data"]["assignment_id"], one["data"]["sequence"])
        for one in said
        if one["type"].startswith("assignment.")
    }
    assert {(str(event.assignment_id), event.sequence) for event in events} <= heard
    return Counter({"told": len(ids), "told twice": twice, "calls cut off": cut_off})


async def torment(
    pipeline: Pipeline,
    hook: StandIn,
    leads: int,
    kills: int,
    every_s: float,
    patience_s: float,
) -> Counter[str]:
    """Leads, reps and kills at once; judged when nobody waits any more."""
    await asyncio.to_thread(pipeline.ready)
    async with observing(pipeline.kafka, [ASSIGNMENTS.name]) as bus:
        desk = reps.Desk(
            bus,
            pipeline.up.line["services"]["routing"],
            pipeline.up.headers,
            pipeline.kafka,
            IN_TIME_S,
            LATE_S,
        )
        working = asyncio.create_task(desk.run())
        try:
            _, killed = await asyncio.gather(
                send(pipeline, leads, per_second=leads / kills / every_s),
                kill(pipeline, kills, every_s, seed=leads),
            )

            async def left() -> dict[str, int]:
                rows = await pipeline.rows(
                    "select phase, count(*)::int from response.leads group by phase"
                )
                return {row[0]: row[1] for row in rows}

            async def at_rest() -> bool:
                phases = await left()
                return set(phases) <= {"touched", "escalated"} and sum(phases.values()) == leads

            try:
                await eventually(at_rest, patience_s, pause=0.5)
            except AssertionError:
                raise AssertionError(f"not at rest: {await left()}, {desk.did}") from None
            phases = await left()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        events = [reps.read(record) for record in bus.of(ASSIGNMENTS.name)]
    assert reps.two_owners(events) == []
    assert len({event.lead_id for event in events}) == leads
    assert all(event.reason for event in events)
    running_clocks = await pipeline.rows("select 1 from response.running where kind <> 'measure'")
    assert running_clocks == []
    assert await pipeline.active()
    ends = Counter({f"ended {phase}": count for phase, count in phases.items()})
    sink = await told(pipeline, hook, events, patience_s)
    return desk.did + ends + sink + Counter({f"{k} killed": n for k, n in killed.items()})


async def test_forty_leads_of_every_mood_while_services_are_killed(
    tmp_path: Path, config: Path, hook: StandIn
) -> None:
    options = ("--kafka", "apache", "--clock-scale", str(SCALE), "--config", str(config))
    with running(tmp_path / "data", *options) as pipeline:
        did = await torment(pipeline, hook, leads=40, kills=3, every_s=4, patience_s=150)
    assert did["ended touched"]


@pytest.mark.long
@pytest.mark.timeout(1500)
async def test_500_leads_of_every_mood_while_services_are_killed(
    tmp_path: Path, config: Path, hook: StandIn
) -> None:
    options = ("--kafka", "apache", "--clock-scale", str(SCALE), "--config", str(config))
    with running(tmp_path / "data", *options) as pipeline:
        did = await torment(pipeline, hook, leads=500, kills=12, every_s=9, patience_s=600)
    print(dict(sorted(did.items())))
    assert did["ended escalated"]
