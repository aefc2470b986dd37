"""How late clocks fire with 100,000 running: ``python -m tests.benchmarks.clocks [CLOCKS]``.

Two timers of the service work on one embedded Postgres. All clocks are running when they start; for
a minute some of them become due every second, more than any team has, and the rest stays. What is
measured is the database's time of the firing transaction less the deadline.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from services.response.store import feeds
from services.runtime import migrate
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.integration.response.desk import Desk, files

CLOCKS = 100_000
PER_SECOND = 150
SECONDS = 60

_LEADS = """
insert into response.leads
select gen_random_uuid(), 'sdr', 'acme' || n || '.example', 1, gen_random_uuid(), 1, 1, 'assigned',
       'ana', 'desk', 'warm', 'demo_request', 'direct', 'inbound', gen_random_uuid(), now(),
       'running', now(), null, null, null, true, 0, null, false, 'bench'
from generate_series(1, $1::int) n
"""
_CLOCKS = """
insert into response.clocks
    (clock_id, lead_id, role, assignment_id, kind, started_at, due_at, try_at, config_version,
     state)
select gen_random_uuid(), l.lead_id, 'sdr', l.assignment_id, 'reminder', now(), due, due, 'bench',
       'running'
from (
    select *, now() + interval '5 s' + case when n <= $1::int * $2::int
        then n * interval '1 s' / $1::int else interval '1 day' end as due
    from (select *, row_number() over () as n from response.leads) numbered
) l
"""
_LATE = """
select count(*), percentile_cont(array[0.5, 0.99, 1.0]) within group
    (order by extract(epoch from ended_at - due_at)) as late
from response.clocks where state = 'fired'
"""


async def measure(dsn: str, clocks: int) -> dict[str, object]:
    """Fire for a minute; how late."""
    desks = [await Desk.open(dsn, files()) for _ in range(2)]
    pool = desks[0].pool
    await pool.execute(_LEADS, clocks, timeout=300)
    await pool.execute("analyze response.leads", timeout=300)
    await pool.execute(_CLOCKS, PER_SECOND, SECONDS, timeout=300)
    await pool.execute("analyze response.clocks", timeout=300)
    timers = [asyncio.create_task(desk.timer.run()) for desk in desks]
    ends = time.monotonic() + SECONDS + 15
    partition = (f"bench-{uuid4()}", 0)
    while time.monotonic() < ends:  # what is told is read every half second, as in the service
        async with pool.acquire() as connection:
            await feeds.read(connection, {partition: await feeds.database_time(connection)})
        await asyncio.sleep(0.5)
    for timer in timers:
        timer.cancel()
    await asyncio.gather(*timers, return_exceptions=True)
    fired, late = await pool.fetchrow(_LATE)
    running = await pool.fetchval("select count(*) from response.running")
    for desk in desks:
        await desk.close()
    median, high, worst = (round(float(one), 3) for one in late)
    return {
        "clocks": clocks,
        "due_per_second": PER_SECOND,
        "fired": fired,
        "running": running,
        "late_s": {"p50": median, "p99": high, "max": worst},
    }


def main() -> None:
    clocks = int(sys.argv[1]) if len(sys.argv) > 1 else CLOCKS
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        postgres.start()
        try:
            migrate.upgrade(postgres.dsn)
            print(json.dumps(asyncio.run(measure(postgres.dsn, clocks))))
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
