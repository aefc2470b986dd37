"""Send 100 submissions a second while Kafka, Postgres and both are gone, and account for each.

    python -m tests.benchmarks.durability [--seconds 60] [--rate 100] [--out FILE]

A real Apache Kafka and a durable Postgres of this run alone, and ``handraise up`` on them. A store
is lost by ``kill -9`` and started again after the phase. Every submission is sent once, at a time
that was fixed beforehand; whoever is not answered with 200 does not come again. At the end the run
waits until all that was accepted has its end on the bus.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import secrets
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import psutil

from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.benchmarks.pipeline.load import percentile
from tests.support.checker import Report
from tests.support.pipeline import running
from tests.support.traffic import Request, traffic
from tests.support.world import World, world

_SETTLE_S = 900.0
_PAGE = """# Durability

What becomes of submissions while Kafka, Postgres and both are gone.
`{command}` writes this page.

A real Apache Kafka and a Postgres that waits for its disk, `handraise up` on them. A store is lost
by `kill -9` and started again after the phase. {rate:.0f} submissions a second through three doors,
open loop; latency counts from the scheduled time. Each is sent once: whoever hears 503 does not
come again, as a form tool would. With both stores gone 503 is the only right answer.

"""


@dataclass(slots=True)
class Phase:
    """What was answered while something was gone."""

    name: str
    seconds: float
    statuses: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    """Seconds from the scheduled time to the answer."""

    def row(self) -> str:
        """Markdown."""
        taken = self.statuses["200"]
        sent = sum(self.statuses.values())
        busy = self.statuses["503"]
        times = " | ".join(
            f"{1000 * value:.0f}"
            for value in (
                percentile(self.latencies, 0.5),
                percentile(self.latencies, 0.99),
                max(self.latencies),
            )
        )
        rest = sent - taken - busy
        return (
            f"| {self.name} | {self.seconds:.0f} | {sent} | {taken} | {busy} | {rest} | {times} |"
        )


class Stores:
    """The two stores, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.kafka = EmbeddedKafka(folder / "kafka")
        self.postgres = EmbeddedPostgres(folder / "postgres")

    def kill(self, kafka: bool, postgres: bool) -> None:
        """``kill -9`` of those named."""
        if kafka:
            self.kafka.kill()
        if postgres:
            os.kill(self.postgres.postmaster(), signal.SIGKILL)

    def start(self, kafka: bool, postgres: bool) -> None:
        """Start those named again, on their data and their ports."""
        if postgres:
            self.postgres.stop()
            self.postgres.start()
        if kafka:
            self.kafka.start()

    def stop(self) -> None:
        self.kafka.stop()
        self.postgres.stop()


async def phase(
    outside: World, requests: Iterator[Request], name: str, seconds: float, rate: float
) -> Phase:
    """Open loop for a time; every answer is awaited."""
    seen = Phase(name, seconds)

    async def one(request: Request, scheduled: float) -> None:
        answer = await outside.attempt(request)
        seen.statuses[str(answer.status or "none")] += 1
        seen.latencies.append(time.monotonic() - scheduled)

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(islice(requests, round(seconds * rate))):
            scheduled = began + number / rate
            await asyncio.sleep(max(scheduled - time.monotonic(), 0))
            group.create_task(one(request, scheduled))
    print(f"{seen.row()} {dict(seen.statuses)}", flush=True)
    return seen


async def storm(
    outside: World, stores: Stores, seconds: float, rate: float
) -> tuple[list[Phase], Report, float]:
    """All phases in turn, traffic going on while a store comes back; then the reckoning."""
    pause = max(seconds / 4, 3.0)
    requests = traffic(secrets.token_hex(4), round(20 * seconds * rate + 1000))
    found = [await phase(outside, requests, "both there", pause, rate)]
    losses = (
        ("no Kafka", seconds, True, False),
        ("no Postgres", seconds, False, True),
        ("neither", seconds / 2, True, True),
    )
    for name, lasting, kafka, postgres in losses:
        await asyncio.to_thread(stores.kill, kafka, postgres)
        found.append(await phase(outside, requests, name, lasting, rate))
        back = asyncio.create_task(asyncio.to_thread(stores.start, kafka, postgres))
        found.append(await phase(outside, requests, "coming back", pause, rate))
        await back
        await asyncio.to_thread(outside.pipeline.ready)
    found.append(await phase(outside, requests, "both there", pause, rate))
    began = time.monotonic()
    judged = await outside.settled(_SETTLE_S)
    return found, judged, time.monotonic() - began


def report(
    phases: list[Phase], judged: Report, missing: int, spent: float, seconds: float, rate: float
) -> str:
    """The page."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    ends = ", ".join(f"{count} {name}" for name, count in sorted(judged.ends.items()))
    command = f"python -m tests.benchmarks.durability --seconds {seconds:.0f}"
    lines = [
        *_PAGE.format(command=command, rate=rate).splitlines(),
        f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {system}, {datetime.now(UTC):%Y-%m-%d}",
        "",
        "| phase | s | sent | 200 | 503 | other | p50 ms | p99 ms | max ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(one.row() for one in phases),
        "",
        f"Accepted {judged.accepted}; ends: {ends}. All at rest {spent:.0f} s after the last one.",
        f"Records that were on the bus more than once (same id): {judged.repeats}.",
        "",
        f"**Accepted minus ended = {missing}.**",
    ]
    return "\n".join(lines) + "\n"


async def main(seconds: float, rate: float, out: Path | None) -> int:
    """0 where everything accepted has an end."""
    folder = Path(tempfile.mkdtemp(prefix="handraise-durability-"))
    folder.chmod(0o711)
    stores = Stores(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(stores.stop)
        dsn, servers = stores.postgres.start(), stores.kafka.start()
        options = ("--kafka", servers, "--postgres", dsn)
        pipeline = await asyncio.to_thread(
            stack.enter_context, running(folder / "up", *options, timeout=180.0)
        )
        async with world(pipeline) as outside:
            phases, judged, spent = await storm(outside, stores, seconds, rate)
            missing = len((await outside.history()).unaccounted)
    text = report(phases, judged, missing, spent, seconds, rate)
    print(f"\n{text}")
    if out:
        out.write_text(text)
    return 1 if missing or judged.faults else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each loss; half for both")
    parser.add_argument("--rate", type=float, default=100.0, help="submissions a second")
    parser.add_argument("--out", type=Path, help="write the page here too")
    options = parser.parse_args()
    raise SystemExit(asyncio.run(main(options.seconds, options.rate, options.out)))
