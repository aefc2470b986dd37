"""Measure what 2,000 idle sockets and 300 slow senders cost good submissions.

    python -m tests.benchmarks.slow_senders [--rounds 3] [--seconds 20] [--out FILE]

A real Apache Kafka, a Postgres and all of ``handraise up`` on them. In each round good submissions
come at 100 a second, first alone, then beside sockets that say nothing, headers that never end and
bodies that trickle in, a byte a second; whoever is cut comes again at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.benchmarks.pipeline.__main__ import machine
from tests.benchmarks.pipeline.load import percentile
from tests.support.pipeline import Pipeline, running
from tests.support.slow_senders import IDLE, SLOW_BODIES, SLOW_HEADERS, good, slow_senders
from tests.support.traffic import traffic

AIM = 2.0
RATE = 100.0
_MOST_S = 300.0
"""For one portion of load."""
ALONE, BESIDE = "alone", f"beside {IDLE} idle and {SLOW_HEADERS + SLOW_BODIES} slow"
Answers = dict[str, list[list[tuple[int, float]]]]


async def measure(pipeline: Pipeline, rounds: int, count: int) -> tuple[Answers, list[Any]]:
    """The answers of each portion, and what became of the slow ones."""
    requests = iter(traffic(secrets.token_hex(4), (2 * rounds + 1) * count))
    answers: Answers = defaultdict(list)
    slow: list[Any] = []

    async def portion(name: str) -> None:
        async with asyncio.timeout(_MOST_S):
            found = await good(pipeline, list(islice(requests, count)), RATE)
        answers[name].append(found)
        print(_row(name, [found]), flush=True)

    await portion("first, not counted")
    for _ in range(rounds):
        await portion(ALONE)
        with slow_senders(pipeline.up.http) as became:
            await portion(BESIDE)
        slow.append(became)
    del answers["first, not counted"]
    return answers, slow


def table(answers: Answers, slow: list[Any]) -> str:
    lines = [
        "| good submissions | sent | 200 | other | p50 ms | p99 ms | max ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_row(name, portions) for name, portions in answers.items()),
        "",
        "| slow ones | cut | refused | longest wait, s |",
        "| --- | ---: | ---: | ---: |",
        *(_slow(kind, slow) for kind in ("idle", "headers", "bodies")),
        "",
    ]
    alone, beside = (_p99(answers[name]) for name in (ALONE, BESIDE))
    lines.append(f"p99 beside over p99 alone: **{beside / alone:.2f}x** (aim: < {AIM:.0f}x)")
    return "\n".join(lines)


def _row(name: str, portions: list[list[tuple[int, float]]]) -> str:
    pooled = [one for portion in portions for one in portion]
    taken = sum(status == 200 for status, _ in pooled)
    seconds = [seconds for _, seconds in pooled]
    times = (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds))
    shown = " | ".join(f"{1000 * value:.1f}" for value in times)
    return f"| {name} | {len(pooled)} | {taken} | {len(pooled) - taken} | {shown} |"


def _slow(kind: str, slow: list[Any]) -> str:
    cut, refused = (sum(one[kind][what] for one in slow) for what in ("cut", "refused"))
    return f"| {kind} | {cut} | {refused} | {max(one[kind]['longest'] for one in slow):.1f} |"


def _p99(portions: list[list[tuple[int, float]]]) -> float:
    return percentile([seconds for portion in portions for _, seconds in portion], 0.99)


async def main(args: argparse.Namespace) -> int:
    """0 where every good submission was answered with 200."""
    folder = Path(tempfile.mkdtemp(prefix="handraise-slow-"))
    folder.chmod(0o711)
    kafka, postgres = EmbeddedKafka(folder / "kafka"), EmbeddedPostgres(folder / "postgres")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(postgres.stop)
        stack.callback(kafka.stop)
        options = ("--kafka", kafka.start(), "--postgres", postgres.start())
        pipeline = await asyncio.to_thread(
            stack.enter_context, running(folder / "up", *options, timeout=180.0)
        )
        await asyncio.to_thread(pipeline.ready)
        answers, slow = await measure(pipeline, args.rounds, round(args.seconds * RATE))
    head = f"{machine()}, {datetime.now(UTC):%Y-%m-%d}, {args.rounds} rounds of {args.seconds} s"
    report = f"# Slow senders\n\n{__doc__}\n{head}\n\n{table(answers, slow)}\n"
    print("\n" + report)
    if args.out:
        Path(args.out).write_text(report)
    everybody = [status for portions in answers.values() for one in portions for status, _ in one]
    return 0 if set(everybody) == {200} else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each portion")
    parser.add_argument("--out", help="write the report here too")
    raise SystemExit(asyncio.run(main(parser.parse_args())))
