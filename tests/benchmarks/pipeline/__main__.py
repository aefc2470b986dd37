"""Measure the pipeline against its floors and print the table that docs/benchmarks.md holds.

    python -m tests.benchmarks.pipeline [--rounds 5] [--quick] [--out docs/benchmarks/latency.md]

One real Apache Kafka and one Postgres serve every variant; only one variant's processes run at a
time; variants take turns within a round, so that the machine's mood hits all of them. In each round
Handraise has a database of its own: the thousands of leads of the round before, which nobody
answers, would be reminded of and given to others meanwhile.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

import asyncpg
import psutil
import uvloop

from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.benchmarks.pipeline import profile, variants
from tests.benchmarks.pipeline.leads import bodies
from tests.benchmarks.pipeline.load import Outcome, Target, percentile, run_load
from tests.benchmarks.pipeline.sizes import measure_sizes
from tests.support.postgres import database_of

WARM_UP, WARM_UP_RATE = 600, 150.0
IDLE_SECONDS = 5.0
Variant = Callable[[str], AbstractContextManager[Target]]
Results = dict[tuple[str, str], list[Outcome]]
Profiles = dict[str, list[str]]


def plan(quick: bool) -> dict[str, tuple[float | None, int]]:
    """Load name -> (rate per second or None for as fast as possible, leads per round)."""
    if quick:
        return {
            "idle": (1 / IDLE_SECONDS, 3),
            "50/s": (50, 200),
            "200/s": (200, 800),
            "burst": (None, 2000),
        }
    return {
        "idle": (1 / IDLE_SECONDS, 12),
        "50/s": (50, 1000),
        "200/s": (200, 1000),
        "burst": (None, 6000),
    }


async def measure(
    name: str, variant: Variant, round_: int, quick: bool, results: Results, profiles: Profiles
) -> None:
    """One round of one variant: start, warm, every load, stop."""
    run = f"{name.replace(' ', '')}{round_}-{int(datetime.now(UTC).timestamp())}"
    with variant(run) as target:
        people = bodies(run)
        await run_load(target, list(islice(people, WARM_UP)), WARM_UP_RATE)
        for load, (rate, count) in plan(quick).items():
            before = profile.read(target.services)
            outcome = await run_load(target, list(islice(people, count)), rate)
            results[name, load].append(outcome)
            if target.services:
                profiles[load] = profile.table(load, before, profile.read(target.services), count)
            print(
                f"round {round_} {name:10} {load:6} "
                f"p50 {1000 * percentile(outcome.latencies, 0.5):7.1f} ms "
                f"p99 {1000 * percentile(outcome.latencies, 0.99):7.1f} ms "
                f"refused {outcome.refused} missing {outcome.missing} "
                f"{len(outcome.latencies) / max(outcome.seconds, 1e-9):6.0f}/s",
                flush=True,
            )


def table(results: Results) -> str:
    """Markdown: percentiles over all samples of all rounds, and the median burst rate."""
    lines = [
        "| variant | load | samples | p50 ms | p90 ms | p99 ms | leads/s | refused | missing |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, load), outcomes in results.items():
        pooled = [value for outcome in outcomes for value in outcome.latencies]
        rates = [len(o.latencies) / o.seconds for o in outcomes if o.seconds]
        cells = [f"{1000 * percentile(pooled, share):.1f}" for share in (0.5, 0.9, 0.99)]
        if load == "burst":
            cells = ["-", "-", "-"]
        lines.append(
            f"| {name} | {load} | {len(pooled)} | {' | '.join(cells)} "
            f"| {percentile(rates, 0.5):.0f} "
            f"| {sum(o.refused for o in outcomes)} | {sum(o.missing for o in outcomes)} |"
        )
    return "\n".join([*lines, "", *ratios(results)])


def ratios(results: Results) -> list[str]:
    """Handraise over floor B, the aim beside it."""
    lines = ["| against floor B | measured | aim |", "|---|---|---|"]
    for load in ("idle", "50/s", "200/s"):
        for share, aim in ((0.5, 1.5), (0.99, 2.0)):
            ours, floor = (
                percentile([v for o in results[name, load] for v in o.latencies], share)
                for name in ("handraise", "floor B")
            )
            lines.append(f"| p{share * 100:.0f} at {load} | {ours / floor:.2f}x | <= {aim}x |")
    ours, floor = (
        percentile([len(o.latencies) / o.seconds for o in results[name, "burst"]], 0.5)
        for name in ("handraise", "floor B")
    )
    return [*lines, f"| sustained | {ours / floor:.2f}x | >= 0.4x |"]


def machine() -> str:
    """What it ran on."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {system}"


async def main(args: argparse.Namespace) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="handraise-bench-"))
    scratch.chmod(0o711)
    postgres, kafka = EmbeddedPostgres(scratch / "postgres"), EmbeddedKafka(scratch / "kafka")
    results: Results = defaultdict(list)
    profiles: Profiles = {}
    try:
        dsn = postgres.start()
        parts = variants.Parts(kafka.start(), dsn, scratch)
        await _floor_table(dsn)
        config = _config(scratch)
        installations = iter(await _installations(parts, args.rounds + 1))
        with variants.handraise(next(installations), "sizes", config) as target:
            await run_load(target, list(islice(bodies("sizes"), 300)), 100)
            sizes = await measure_sizes(parts.kafka)
        contestants: dict[str, Variant] = {
            "floor A": partial(variants.floor_a, parts),
            "floor B": lambda run: variants.floor_b(parts, run, sizes),
            "handraise": lambda run: variants.handraise(next(installations), run, config),
        }
        for round_ in range(1, args.rounds + 1):
            for name, variant in contestants.items():
                await measure(name, variant, round_, args.quick, results, profiles)
    finally:
        kafka.stop()
        postgres.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    head = f"{machine()}, {datetime.now(UTC):%Y-%m-%d}, {args.rounds} rounds"
    where = "\n\n".join("\n".join(profiles[load]) for load in ("50/s", "200/s"))
    report = f"{head}\n\n{table(results)}\n\nWhere the time goes (last round):\n\n{where}\n"
    print("\n" + report)
    if args.out:
        Path(args.out).write_text(report)


def _config(scratch: Path) -> Sequence[str]:
    """The example, which lets one sender take all."""
    folder = Path(shutil.copytree("deploy/config", scratch / "config"))
    with (folder / "sources.yaml").open("a") as file:
        file.write("\n  api: {adapter: api, limits: {requests_per_second: 100000}}\n")
    return "--config", str(folder)


async def _installations(parts: variants.Parts, count: int) -> list[variants.Parts]:
    """As many installations to be, each with a database and a data folder of its own."""
    names = [f"bench_{number}" for number in range(count)]
    connection = await asyncpg.connect(parts.postgres)
    for name in names:
        await connection.execute(f"create database {name}")
    await connection.close()
    return [
        variants.Parts(parts.kafka, database_of(parts.postgres, name), parts.scratch / name)
        for name in names
    ]


async def _floor_table(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table if not exists floor (hop int, id text, body bytea)")
    await connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a few minutes, for a first look")
    parser.add_argument("--out", help="write the report here too")
    uvloop.run(main(parser.parse_args()))
