"""How long it takes to simulate, and to recompute, what 100,000 leads left behind.

``python -m tests.benchmarks.simulation [--leads N]``. The leads are decided by routing itself, with
the example configuration, on a Postgres that is started for the run; what is timed is what the
commands do: reading the history and running it again. One JSON document on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import asyncpg

from schemas.base import KindName, Lane, TierName
from schemas.topics import scored as scored_topic
from services.routing.review import books, compare
from services.routing.review.simulation import simulate
from services.runtime import migrate
from services.runtime.configstore import read_folder
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.integration.routing.desk import Desk, record
from tests.integration.routing.leads import scored

DAYS = 30
BATCH = 200
START = datetime(2026, 10, 5, tzinfo=UTC)
_COUNTRIES = ("DE", "FR", "GB", "US", "US", "BR", "SG", "AU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    leads = parser.parse_args().leads
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        postgres.start()
        try:
            migrate.upgrade(postgres.dsn)
            print(json.dumps(asyncio.run(measure(postgres.dsn, leads))))
        finally:
            postgres.stop()


async def measure(dsn: str, leads: int) -> dict[str, Any]:
    desk = await Desk.open(dsn, read_folder(Path("deploy/config")))
    try:
        await _decided(desk, leads)
        until = desk.now + timedelta(seconds=1)
        plan = desk.config.current.value
        async with desk.pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            began = time.perf_counter(), time.process_time()
            traffic = await books.recorded_traffic(connection, START, until)
            read = time.perf_counter()
            run = simulate(plan, "same", traffic)
            report = compare.report(compare.with_record(run), ("old", "new"), until)
            done = time.perf_counter(), time.process_time()
            again = await books.recomputed(connection)
            recomputed = time.perf_counter()
        return {
            "leads": report["leads"],
            "read_s": round(read - began[0], 1),
            "simulate_s": round(done[0] - read, 1),
            "simulate_cpu_s": round(done[1] - began[1], 1),
            "recompute_s": round(recomputed - done[0], 1),
            "recomputed": again.decisions,
            "different": again.causes.total(),
            "ends": report["ends"],
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
    finally:
        await desk.close()


async def _decided(desk: Desk, leads: int) -> None:
    """Let routing decide them, spread over a month; companies come back now and then."""
    dice = random.Random(1)
    step = timedelta(days=DAYS) / (leads / BATCH)
    desk.now = START
    for first in range(0, leads, BATCH):
        events = [_lead(dice, n, leads, desk.now) for n in range(first, min(first + BATCH, leads))]
        await desk.routers[Lane.LIVE].handle(
            [record(event, scored_topic(Lane.LIVE), uuid4()) for event in events]
        )
        desk.now += step
        await desk.drain.once()
        if first % 10_000 == 0:
            print(f"{first} leads decided", flush=True)


def _lead(dice: random.Random, n: int, leads: int, at: datetime) -> Any:
    facts = {
        "headcount": dice.choice([20, 80, 200, 900]),
        "country": dice.choice(_COUNTRIES),
        "email_class": "business",
    }
    tier = dice.choice([TierName.HOT, TierName.WARM, TierName.NURTURE])
    kind = dice.choice([KindName.DEMO_REQUEST, KindName.CONTENT_DOWNLOAD, KindName.WEBINAR])
    company = f"c{dice.randrange(leads)}.example"
    return scored(f"p{n}@{company}", tier=tier, kind=kind, facts=facts, at=at)


if __name__ == "__main__":
    main()
