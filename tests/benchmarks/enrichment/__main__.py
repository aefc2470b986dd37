"""What enrichment costs: run ``python -m tests.benchmarks.enrichment``.

- *CPU*: decode, merge, derive, revise and encode 200 leads of 200 people, then score and encode
  them; caches are emptied before each batch, so no name, number or title was seen before.
- *deadline*: every provider hangs; how late after its budget is a live lead published?
- *crowd*: 200 leads wait for a provider that takes 0.3 s; how long does a demo request take that
  comes then, against one that comes alone? Once asking the same provider, once asking nobody.

The database is the embedded Postgres with fsync on; nothing else should run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from schemas.base import KindName
from schemas.enrichment import LeadEnriched
from schemas.lead import LeadCaptured
from services.enrichment.merge import dump
from services.enrichment.offline import phones, titles
from services.enrichment.plan import missing
from services.enrichment.publish import to_output
from services.enrichment.revise import picture, revise, touched, unknown
from services.enrichment.store.values import text
from services.kernel import company_names
from services.runtime import migrate
from services.runtime.database import open_pool
from services.runtime.embedded.postgres import EmbeddedPostgres
from services.scoring.assess import assess, touch_of
from services.scoring.rules import parse as parse_scoring
from tests.integration.enrichment.flow import NOTHING_WANTED, Flow, captured_lead
from tests.integration.enrichment.standin import StandIn, answering, hang, slowly

BATCH, ROUNDS = 200, 15
_CONFIG = Path(__file__).parents[3] / "deploy/config"
_TITLES = ("VP Revenue Operations", "Vertriebsleiterin (m/w/d)", "Responsable marketing digital",
           "Senior Software Engineer", "Director of Finance")  # fmt: skip
_FORMS = ("GmbH", "Inc.", "SA", "Ltd", "")


def _lead(number: int) -> LeadCaptured:
    return captured_lead(
        {
            "email": f"ana.{number}@firma{number}.de",
            "first_name": "Ana",
            "last_name": "Lima",
            "company": f"Firma {number} {_FORMS[number % 5]}",
            "job_title": f"{_TITLES[number % 5]} {number}",
            "phone": f"+49301{2_000_000 + number}",
            "message": "We would like to see how it works with our team.",
            "form_id": "demo",
            "page_url": "https://www.example.com/demo",
            "fields": {"company_size": "201-500", "locale": "de-DE"},
        }
    )


def cpu() -> dict[str, float]:
    """Microseconds of CPU per lead, the median of several batches."""
    scoring = parse_scoring(
        {
            name: (_CONFIG / name).read_text("utf-8")
            for name in ("scoring.yaml", "qualification.yaml")
        }
    )
    enriching, scored = [], []
    for turn in range(ROUNDS):
        raw = [_lead(turn * BATCH + n).encode() for n in range(BATCH)]
        for cached in (phones.read, titles.classify, company_names.spoken_name):
            cached.cache_clear()
        outputs, took = _timed(partial(_enriched, datetime.now(UTC)), raw)
        enriching.append(took)
        _, took = _timed(partial(_scored, scoring), outputs)
        scored.append(took)
    found = {"enrichment_us": _median(enriching), "scoring_us": _median(scored)}
    return {**found, "together_us": round(found["enrichment_us"] + found["scoring_us"], 1)}


def _timed(work: Callable[[bytes], bytes], batch: list[bytes]) -> tuple[list[bytes], float]:
    began = time.process_time()
    done = [work(one) for one in batch]
    return done, (time.process_time() - began) / BATCH * 1e6


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)


def _enriched(at: datetime, raw: bytes) -> bytes:
    event = LeadCaptured.read(raw)
    input_id = uuid4()
    state = touched(unknown(event.lead.lead_id), event, input_id)
    view = picture(state, event, at)
    absent = missing(NOTHING_WANTED, view.facts, at)
    state, revision = revise(state, event, input_id, view, at=at, missing=absent)
    text(dump(state.registers))
    text(revision.event.facts)
    return bytes(to_output(revision, None).value)


def _scored(model: Any, raw: bytes) -> bytes:
    event = LeadEnriched.read(raw)
    touch = touch_of(event, UUID(int=1))
    assert touch is not None
    return assess(model, "v", event, UUID(int=1), None, [touch], 1).event.encode()


@contextlib.asynccontextmanager
async def _flow(pool: asyncpg.Pool) -> AsyncIterator[Flow]:
    await pool.execute(
        "truncate enrichment.jobs, enrichment.answers, enrichment.flights, enrichment.leads,"
        " enrichment.revisions, enrichment.calls, enrichment.spend"
    )
    flow = Flow(pool)
    work = asyncio.create_task(flow.jobs.run())
    try:
        yield flow
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await flow.asking.close()


async def deadline(pool: asyncpg.Pool, leads: int = 500) -> dict[str, float]:
    """Milliseconds after their budget at which live leads come out while every provider hangs."""
    budget, late = 0.8, []
    async with StandIn(hang) as standin, _flow(pool) as flow:
        flow.config = standin.config(budget_ms=800, timeout_ms=30_000)
        sent: dict[Any, float] = {}
        for n in range(leads):
            event = captured_lead({"email": f"a@c{n}.example"})
            await flow.take(event)
            # The deadline counts from the storing of the job, which has just returned.
            sent[event.submission_id] = time.perf_counter()
            await asyncio.sleep(0.005)
            late += _arrived(flow, sent, budget)
        while len(late) < leads:
            await asyncio.sleep(0.001)
            late += _arrived(flow, sent, budget)
    late.sort()
    found = {"p50": late[leads // 2], "p99": late[leads * 99 // 100], "max": late[-1]}
    return {"leads": leads, **{name: round(value, 1) for name, value in found.items()}}


def _arrived(flow: Flow, sent: dict[Any, float], budget: float) -> list[float]:
    if not flow.released:
        return []
    now = time.perf_counter()
    found = [event.submission_id for event in flow.later() if not event.late]
    flow.released.clear()
    return [(now - sent.pop(one) - budget) * 1000 for one in found if one in sent]


async def crowd(pool: asyncpg.Pool, rounds: int = 15) -> dict[str, dict[str, float]]:
    """Milliseconds that a demo request takes alone, and behind 200 leads that wait."""
    asks, alone = [], []
    nobody, nobody_alone = [], []
    async with StandIn(slowly(0.3, answering({"company": {"headcount": 640}}))) as standin:
        for turn in range(rounds):
            for waiting, asking, plain in ((0, alone, nobody_alone), (BATCH, asks, nobody)):
                async with _flow(pool) as flow:
                    flow.config = standin.config(
                        budget_ms=5000, timeout_ms=5000, confirm=None, rate={"calls": 10_000}
                    )
                    await _wait(flow, standin, waiting)
                    plain.append(await _demo(flow, f"p{turn}@gmail.com"))
                    asking.append(await _demo(flow, f"a@d{turn}w{waiting}.example"))
    return {
        "asking_nobody": _lost(nobody_alone, nobody),
        "asking_the_same_provider": _lost(alone, asks),
    }


def _lost(alone: list[float], behind: list[float]) -> dict[str, float]:
    one, other = statistics.median(alone), statistics.median(behind)
    return {
        "alone_ms": round(one, 2), "behind_ms": round(other, 2), "lost_ms": round(other - one, 2),
        "worst_behind_ms": round(max(behind), 2),
    }  # fmt: skip


async def _wait(flow: Flow, standin: StandIn, leads: int) -> None:
    """Until all of them wait for the provider."""
    before = len(standin.requests)
    events = [
        captured_lead({"email": f"a@w{n}.example"}, kind=KindName.NEWSLETTER) for n in range(leads)
    ]
    if events:
        await flow.take(*events)
    while len(standin.requests) - before < leads:
        await asyncio.sleep(0.001)


async def _demo(flow: Flow, email: str) -> float:
    """Milliseconds from the stage to the revision."""
    event = captured_lead({"email": email})
    began = time.perf_counter()
    out = bool(await flow.take(event))
    mine, seen = str(event.submission_id).encode(), 0
    while not out:
        # Reading each event here would cost more than what is measured.
        out = any(mine in one.value for one in flow.released[seen:])
        seen = len(flow.released)
        await asyncio.sleep(0.0005)
    return (time.perf_counter() - began) * 1000


async def _waiting(dsn: str) -> dict[str, Any]:
    pool = await open_pool(dsn, size=6, name="bench.enrichment")
    try:
        return {"deadline_late_ms": await deadline(pool), "crowd": await crowd(pool)}
    finally:
        pool.terminate()


def main() -> None:
    found: dict[str, Any] = {"cpu": cpu()}
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        dsn = server.start()
        try:
            migrate.upgrade(dsn)
            found |= asyncio.run(_waiting(dsn))
        finally:
            server.stop()
    json.dump(found, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
