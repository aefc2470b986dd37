"""Does a flood of activities slow a demo request?

    python -m tests.benchmarks.activities [--seconds 30] [--rate 2000] [--demos 5]

``handraise up`` on a real Apache Kafka and its own Postgres. Demo requests are posted at fixed
times, first alone, then while activities come in at the given rate through ``POST /v1/activities``,
100 a request: 70 % page views of anonymous browsers, 28 % of known leads, 2 % replies and trial
actions. Latency counts from the scheduled time to the assignment on ``assignments.v1`` as an
outside consumer sees it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer

from schemas.topics import ASSIGNMENTS
from tests.benchmarks.pipeline.load import percentile
from tests.support.tasks import beside
from tests.support.up import Up, up

BATCH = 100
KNOWN = 500
"""Leads that the flood is about."""
_SETTLE_S = 120.0


@dataclass
class Run:
    """One measured run."""

    name: str
    latencies: list[float] = field(default_factory=list)
    activities: int = 0
    refused: int = 0
    demos_refused: int = 0

    def row(self) -> str:
        """Markdown."""
        p50, p90, p99 = (1000 * percentile(self.latencies, q) for q in (0.5, 0.9, 0.99))
        return (
            f"| {self.name} | {len(self.latencies)} | {self.demos_refused} "
            f"| {self.activities} | {self.refused} "
            f"| {p50:.0f} | {p90:.0f} | {p99:.0f} | {1000 * max(self.latencies):.0f} |"
        )


class Observer:
    """When each submission was seen assigned."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.seen: dict[str, float] = {}

    async def run(self) -> None:
        while True:
            got = await self._consumer.getmany(timeout_ms=50)
            now = time.monotonic()
            for records in got.values():
                for record in records:
                    self.seen.setdefault(str(json.loads(record.value)["submission_id"]), now)


@asynccontextmanager
async def observing(address: str) -> AsyncIterator[Observer]:
    """An outside consumer of all assignments."""
    consumer = AIOKafkaConsumer(
        ASSIGNMENTS.name, bootstrap_servers=address, group_id=None, fetch_max_wait_ms=20
    )
    await consumer.start()
    observer = Observer(consumer)
    try:
        async with beside(observer.run()):
            yield observer
    finally:
        await consumer.stop()


async def _at_rate(
    seconds: float, per_second: float, send: Callable[[int, float], Awaitable[None]]
) -> None:
    """Call ``send`` at fixed times, whatever became of the calls before."""
    began, tasks = time.monotonic(), set()
    for number in range(int(seconds * per_second)):
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.ensure_future(send(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


async def _demos(
    http: httpx.AsyncClient, seen: Observer, run: Run, seconds: float, rate: float
) -> None:
    sent: dict[str, float] = {}

    async def send(number: int, due: float) -> None:
        body = {
            "kind": "demo_request", "email": f"d{number}@{run.name}-{number}.example",
            "job_title": "VP Sales", "country": "DE",
        }  # fmt: skip
        answer = await http.post("/v1/leads", json=body)
        if answer.status_code == 200:
            sent[answer.json()["submission_id"]] = due
        else:
            run.demos_refused += 1

    await _at_rate(seconds, rate, send)
    ends = time.monotonic() + 30
    while not sent.keys() <= seen.seen.keys() and time.monotonic() < ends:
        await asyncio.sleep(0.05)
    missing = sent.keys() - seen.seen.keys()
    if missing:
        raise SystemExit(f"{len(missing)} demo requests were not decided within 30 s")
    run.latencies += [seen.seen[one] - due for one, due in sent.items()]


async def _flood(http: httpx.AsyncClient, run: Run, seconds: float, rate: float) -> None:
    dice = random.Random(1)

    async def send(number: int, due: float) -> None:
        answer = await http.post("/v1/activities", json=[_activity(dice) for _ in range(BATCH)])
        if answer.status_code == 200:
            run.activities += BATCH
        else:
            run.refused += BATCH

    await _at_rate(seconds, rate / BATCH, send)


def _activity(dice: random.Random) -> dict[str, Any]:
    person = {"email": f"k{dice.randrange(KNOWN)}@known.example"}
    what = dice.random()
    if what < 0.02:
        return {"activity": dice.choice(["email_replied", "trial_action"]), **person}
    page = {"activity": "page_view", "page_kind": dice.choice(["pricing", "docs", "blog"])}
    return {**page, **(person if what < 0.3 else {"visitor_id": f"v{dice.randrange(50_000)}"})}


async def _stored(dsn: str, wanted: int) -> float:
    """Seconds until scoring has stored so many activities."""
    connection = await asyncpg.connect(dsn)
    began = time.monotonic()
    try:
        while time.monotonic() - began < _SETTLE_S:
            found = await connection.fetchval("select count(*) from scoring.activities")
            if found >= wanted:
                return time.monotonic() - began
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
    raise SystemExit(f"only {found} of {wanted} activities were stored {_SETTLE_S:.0f} s later")


def _busy(running: Up) -> dict[str, float]:
    """CPU seconds of each service so far."""
    found = {}
    for name in running.line["services"]:
        times = running.service(name).cpu_times()
        found[name] = times.user + times.system
    return found


_DURATION = re.compile(r"handraise_stage_duration_seconds_(sum|count)\{(.*?)\} (\S+)")


async def _stages(http: httpx.AsyncClient, running: Up) -> dict[str, tuple[float, float]]:
    """Of each stage and lane, seconds and records so far: from its input's append to its output."""
    found: dict[str, dict[str, float]] = {}
    for url in running.line["services"].values():
        text = (await http.get(f"{url}/metrics")).text
        for what, labels, value in _DURATION.findall(text):
            found.setdefault(labels, {})[what] = float(value)
    return {labels: (one["sum"], one["count"]) for labels, one in found.items()}


async def _measure(running: Up, seconds: float, rate: float, demos: float) -> None:
    async with (
        httpx.AsyncClient(base_url=running.http, headers=running.headers, timeout=30) as http,
        observing(running.line["kafka"]) as seen,
    ):
        await asyncio.gather(
            *(
                http.post("/v1/leads", json={"kind": "newsletter", "email": f"k{n}@known.example"})
                for n in range(KNOWN)
            )
        )
        await _demos(http, seen, Run("warm-up"), 5, demos)
        alone, flooded = Run("alone"), Run("flooded")
        await _demos(http, seen, alone, seconds, demos)
        before, stages_before = _busy(running), await _stages(http, running)
        await asyncio.gather(
            _demos(http, seen, flooded, seconds, demos), _flood(http, flooded, seconds, rate)
        )
        after = _busy(running)
        stages = await _stages(http, running)
        behind = await _stored(running.line["postgres"], flooded.activities)
    print("| run | demos | refused | activities | refused | p50 ms | p90 ms | p99 ms | max ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    print(alone.row())
    print(flooded.row())
    used = ", ".join(f"{name} {after[name] - before[name]:.1f}" for name in sorted(after))
    print(f"\nCPU seconds while flooded: {used}")
    for labels, (spent, count) in sorted(stages.items()):
        spent_before, count_before = stages_before.get(labels, (0.0, 0.0))
        if count > count_before:
            mean = 1000 * (spent - spent_before) / (count - count_before)
            print(f"{labels}: {count - count_before:.0f} records, {mean:.0f} ms each")
    print(f"all activities were stored {behind:.1f} s after the last demo request was decided")


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.activities")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=float, default=2000, help="activities a second")
    parser.add_argument("--demos", type=float, default=5, help="demo requests a second")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        up(Path(folder) / "data", "--kafka", "apache") as running,
    ):
        asyncio.run(_measure(running, given.seconds, given.rate, given.demos))


if __name__ == "__main__":
    main()
