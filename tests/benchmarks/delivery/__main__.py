"""Measure submission to assignment and to Slack message in the same run; print the table.

    python -m tests.benchmarks.delivery [--rounds 1] [--quick] [--out FILE]

One real Apache Kafka and one Postgres serve Handraise twice in each round: with Slack alone, and
with a second sink beside it that takes every request and never answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import uvloop
import yaml

from services.cli import configfiles
from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.benchmarks.delivery.slack import Hanging, Slack
from tests.benchmarks.pipeline import variants
from tests.benchmarks.pipeline.__main__ import machine
from tests.benchmarks.pipeline.leads import bodies
from tests.benchmarks.pipeline.load import Target, percentile, run_load

WARM_UP, WARM_UP_RATE = 600, 150.0
LOADS = {"idle": (1.0, 40), "50/s": (50.0, 1000)}
"""Name -> leads per second, leads per round."""
TOKEN = "xoxb-of-a-benchmark"
SECRETS = {
    "HANDRAISE_SECRET_BENCH_SLACK": TOKEN,
    "HANDRAISE_SECRET_BENCH_SIGNING": "signing-of-a-benchmark",
    "HANDRAISE_SECRET_BENCH_HOOK": "whsec_YmVuY2htYXJrLW9mLWEtYmVuY2htYXJr",
}
AIMS = ((0.5, 2.0), (0.99, 3.0))
_DRAIN_S = 30.0
_PAGE = """# From the submission to the message

    make bench-delivery ARGS="--out docs/benchmarks/delivery.md"

What a rep waits for: from the submission until Slack has accepted the message, beside the time
until the assignment is on its topic, for the same leads of the same run. Real Kafka and Postgres
(fsync on); the stand-in of Slack and the observer of the topic are in the load's process, so one
clock times both. Open loop: both count from the scheduled time of the send. Every lead is a new
person who asks for a demo. The rate of the sink is 1,000 a second here; Slack itself takes about
one message a second into a channel. The second sink takes every request and never answers.
"""
_HERE = ["127.0.0.1/32"]


@dataclass
class Seen:
    """One load of one variant; seconds from the scheduled send, pairs of the same lead."""

    assigned: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    missing: int = 0


Results = dict[tuple[str, str], Seen]


def config(folder: Path, slack: str, hanging: str | None) -> Path:
    """The example, with a desk that never closes, and clocks that run and do not fire meanwhile."""
    shutil.copytree(configfiles.folder(None), folder)
    calendars = folder / "calendars.yaml"
    names = yaml.safe_load(calendars.read_text())["calendars"]
    always = {"hours": {"every_day": "00:00-24:00"}}
    _write(calendars, {"calendars": dict.fromkeys(names, always)})
    steps = {"reminder": "3h", "breach": "5h", "escalation": "15h"}
    _write(folder / "response.yaml", {"time": "wall_clock", "tiers": {"hot": steps, "warm": steps}})
    sinks: dict[str, Any] = {
        "slack": {
            "type": "slack",
            "token": "BENCH_SLACK",
            "signing_secret": "BENCH_SIGNING",
            "channel": "#leads",
            "base_url": f"{slack}/api",
            "allow_networks": _HERE,
            "rate": {"calls": 1000},
            "per_channel": None,
        }
    }
    if hanging is not None:
        sinks["hanging"] = {
            "type": "webhook",
            "url": f"{hanging}/hook",
            "secret": "BENCH_HOOK",
            "allow_networks": _HERE,
        }
    known = yaml.safe_load((folder / "delivery.yaml").read_text())
    _write(folder / "delivery.yaml", {**known, "sinks": sinks})
    return folder


def _write(path: Path, document: object) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def leads(people: Iterator[bytes], count: int) -> list[bytes]:
    """So many new people who all ask for a demo: every one is assigned, so every one is told of."""
    found = [json.loads(body) for body in islice(people, count)]
    return [json.dumps({**one, "kind": "demo_request"}).encode() for one in found]


async def measure(parts: variants.Parts, name: str, run: str, quick: bool, out: Results) -> None:
    """One variant: start, warm, every load, stop."""
    people = bodies(run)
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(Slack(TOKEN))
        hangs = await stack.enter_async_context(Hanging()) if "hangs" in name else None
        folder = config(parts.scratch / run, slack.url, hangs.url if hangs else None)
        # Blocking: what starts and stops needs nobody of this process.
        with variants.handraise(parts, run, ["--config", str(folder)], SECRETS) as target:
            await one_load(target, slack, leads(people, WARM_UP), WARM_UP_RATE)
            for load, (rate, count) in LOADS.items():
                given = leads(people, count // 4 if quick else count)
                seen = await one_load(target, slack, given, rate)
                known = out[name, load]
                known.assigned += seen.assigned
                known.told += seen.told
                known.missing += seen.missing
                print(f"{run} {name}, {load}: {line(seen)}", flush=True)
        if slack.repeated or slack.refused:
            raise RuntimeError(f"{slack.repeated} messages came twice, {slack.refused} were wrong")


async def one_load(target: Target, slack: Slack, given: Sequence[bytes], rate: float) -> Seen:
    """Send; wait until Slack has a message for every assignment."""
    outcome = await run_load(target, given, rate)
    addresses = {number: json.loads(body)["email"] for number, body in enumerate(given)}
    deadline = time.perf_counter() + _DRAIN_S
    wanted = {addresses[number] for number in outcome.times}
    while not wanted <= slack.taken.keys() and time.perf_counter() < deadline:
        await asyncio.sleep(0.02)
    seen = Seen(missing=len(given) - len(wanted & slack.taken.keys()))
    for number, (scheduled, assigned) in outcome.times.items():
        if (taken := slack.taken.get(addresses[number])) is not None:
            seen.assigned.append(assigned - scheduled)
            seen.told.append(taken - scheduled)
    return seen


def line(seen: Seen) -> str:
    shares = (0.5, 0.99)
    ratios = ", ".join(f"p{100 * share:.0f} {ratio(seen, share):.2f}x" for share in shares)
    return f"{len(seen.told)} leads, {ratios}, missing {seen.missing}"


def ratio(seen: Seen, share: float) -> float:
    return percentile(seen.told, share) / percentile(seen.assigned, share)


def table(results: Results) -> str:
    """Markdown: both figures of every load, then their ratio beside the aim."""
    lines = [
        "| sinks | load | leads | from the submission to | p50 ms | p90 ms | p99 ms | missing |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (name, load), seen in results.items():
        for what, values in (("the assignment", seen.assigned), ("the message", seen.told)):
            cells = " | ".join(f"{1000 * percentile(values, s):.1f}" for s in (0.5, 0.9, 0.99))
            lines.append(f"| {name} | {load} | {len(values)} | {what} | {cells} | {seen.missing} |")
    lines += [
        "",
        "| message over assignment | sinks | load | measured | aim |",
        "|---|---|---|---|---|",
    ]
    for share, aim in AIMS:
        for (name, load), seen in results.items():
            measured = ratio(seen, share)
            lines.append(
                f"| p{share * 100:.0f} | {name} | {load} | {measured:.2f}x | <= {aim:g}x |"
            )
    return "\n".join(lines)


async def main(args: argparse.Namespace) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="handraise-bench-"))
    scratch.chmod(0o711)
    postgres, kafka = EmbeddedPostgres(scratch / "postgres"), EmbeddedKafka(scratch / "kafka")
    results: Results = defaultdict(Seen)
    try:
        parts = variants.Parts(kafka.start(), postgres.start(), scratch)
        for round_ in range(1, args.rounds + 1):
            for number, name in enumerate(("Slack", "Slack, and one that hangs")):
                await measure(parts, name, f"r{round_}{number}", args.quick, results)
    finally:
        kafka.stop()
        postgres.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    report = (
        f"{machine()}, {datetime.now(UTC):%Y-%m-%d}, {args.rounds} rounds\n\n{table(results)}\n"
    )
    print("\n" + report)
    if args.out:
        Path(args.out).write_text(report)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a quarter of the leads")
    parser.add_argument("--out", help="write the report here too")
    uvloop.run(main(parser.parse_args()))
