"""Measure what capture takes on one core, against a bare handler that only produces.

    python -m tests.benchmarks.capture [--rounds 5] [--count 4000] [--out FILE]

One real Apache Kafka and one Postgres serve all; each server process is bound to one core, the
broker, the database and the load to the others. They take turns within a round. ``doors`` is
``handraise service capture --part doors``: all that stands between a request and its durable
answer. ``capture`` is the whole in one process: its stages decide, on the same core, what its doors
have just taken. What the doors took is decided by ``--part stages`` afterwards, outside of any
measurement, and it is checked that each accepted lead was decided once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import psutil
import uvloop
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.ports import free_port
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.benchmarks.capture.load import Outcome, run
from tests.benchmarks.pipeline.__main__ import machine
from tests.benchmarks.pipeline.leads import bodies
from tests.benchmarks.pipeline.load import percentile
from tests.benchmarks.pipeline.variants import PARTITIONS, _start, _wait_http
from tests.support.waiting import wait_until

AIM = 0.6
CONNECTIONS = 32
RATE = 200.0
WARMING, FULL = "warming up", "as fast as possible"
_MOST_S = 300.0
"""For one portion of load."""
_DECIDED = "select count(*) from capture.touches"
Results = dict[tuple[str, str], list[Outcome]]
Server = tuple[str, dict[str, str]]
"""Where leads are posted, and with which headers."""
BARE, DOORS, WHOLE = "floor", "doors", "capture"


def alone(process: subprocess.Popen[bytes]) -> None:
    """Bind a server to the first core."""
    psutil.Process(process.pid).cpu_affinity([0])


@contextmanager
def floor(kafka: str, topic: str) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.capture.floor", kafka, topic, str(port)]
    with ExitStack() as stack:
        alone(_start(stack, command))
        url = f"http://127.0.0.1:{port}"
        _wait_http(url)
        yield f"{url}/leads", {"Content-Type": "application/json"}


@contextmanager
def capture(env: dict[str, str], key: str, *part: str) -> Iterator[Server]:
    with service(env, *part) as (process, url):
        alone(process)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        yield f"{url}/v1/leads", headers


@contextmanager
def service(env: dict[str, str], *part: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Capture, or one part of it, ready; and its address."""
    port = free_port()
    command = [sys.executable, "-m", "services.cli.main", "service", "capture", *part]
    with ExitStack() as stack:
        process = subprocess.Popen(
            command,
            env={**env, "HANDRAISE_HTTP__PORT": str(port), "HANDRAISE_HTTP__HOST": "127.0.0.1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(_end, process)
        url = f"http://127.0.0.1:{port}"
        _wait_http(f"{url}/live", 60)
        wait_until(lambda: httpx.get(f"{url}/ready").status_code == 200, 60, "capture is ready")
        yield process, url


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def prepared(kafka: str, dsn: str, scratch: Path) -> tuple[dict[str, str], str]:
    """The environment of a service, on a database and topics that are ready, and an API key."""
    config = Path(shutil.copytree("deploy/config", scratch / "config"))
    with (config / "sources.yaml").open("a") as file:
        # One client sends all of it here; its share is not what is measured.
        file.write("\n  api: {adapter: api, limits: {requests_per_second: 100000}}\n")
    env = {
        **os.environ,
        "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "HANDRAISE_POSTGRES__DSN": dsn,
        "HANDRAISE_CONFIG": str(config),
        "HANDRAISE_DATA": str(scratch / "data"),
        "HANDRAISE_SECRET_INSTALLATION": secrets.token_hex(32),
    }

    def command(*arguments: str) -> str:
        argv = [sys.executable, "-m", "services.cli.main", *arguments]
        done = subprocess.run(argv, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    command("migrate")
    command("topics", "apply")
    return env, command("keys", "create", "bench").splitlines()[0]


async def decided(env: dict[str, str], results: Results) -> None:
    """Let stages decide what is left; each lead that was accepted so far, and none twice."""
    accepted = sum(
        len(one.latencies) for (name, _), all_ in results.items() if name != BARE for one in all_
    )
    connection = await asyncpg.connect(env["HANDRAISE_POSTGRES__DSN"])
    try:
        with service(env, "--part", "stages"):
            async with asyncio.timeout(_MOST_S):
                while (found := await connection.fetchval(_DECIDED)) < accepted:
                    await asyncio.sleep(0.2)
    finally:
        await connection.close()
    if found != accepted:
        raise SystemExit(f"{accepted} leads were accepted and {found} decided")


async def measure(server: Server, name: str, round_: int, count: int, results: Results) -> None:
    url, headers = server
    stock = bodies(f"{name}-{round_}-{secrets.token_hex(3)}")
    async with asyncio.timeout(_MOST_S):
        warming = await run(url, headers, stock, count // 4, CONNECTIONS, None)
    results[name, WARMING].append(warming)
    for load, rate in ((FULL, None), (f"{RATE:.0f}/s", RATE)):
        async with asyncio.timeout(_MOST_S):
            outcome = await run(url, headers, stock, count, CONNECTIONS, rate)
        results[name, load].append(outcome)
        print(f"round {round_}: {name}, {load}: {_row(name, load, [outcome])}", flush=True)


def table(results: Results) -> str:
    lines = [
        "| server | load | samples | p50 ms | p99 ms | accepted/s | refused |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        _row(name, load, outcomes) for (name, load), outcomes in results.items() if load != WARMING
    ]
    bare, doors, whole = (_rate(results[name, FULL]) for name in (BARE, DOORS, WHOLE))
    return "\n".join(
        [
            *lines,
            "",
            f"accepted/s of the doors alone over the floor's: **{doors / bare:.2f}x** "
            f"(aim: >= {AIM}x); of the whole process: {whole / bare:.2f}x",
        ]
    )


def _rate(outcomes: list[Outcome]) -> float:
    return percentile([len(o.latencies) / o.seconds for o in outcomes], 0.5)


def _row(name: str, load: str, outcomes: list[Outcome]) -> str:
    pooled = [value for outcome in outcomes for value in outcome.latencies]
    times = " | ".join(f"{1000 * percentile(pooled, share):.1f}" for share in (0.5, 0.99))
    refused = sum(outcome.refused for outcome in outcomes)
    return f"| {name} | {load} | {len(pooled)} | {times} | {_rate(outcomes):.0f} | {refused} |"


def _create(kafka: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        future.result(30)


async def main(args: argparse.Namespace) -> None:
    cores = list(range(psutil.cpu_count() or 1))
    psutil.Process().cpu_affinity(cores[1:] or cores)  # inherited by the stores
    scratch = Path(tempfile.mkdtemp(prefix="handraise-bench-"))
    scratch.chmod(0o711)
    postgres, broker = EmbeddedPostgres(scratch / "postgres"), EmbeddedKafka(scratch / "kafka")
    results: Results = defaultdict(list)
    try:
        dsn, kafka = postgres.start(), broker.start()
        _create(kafka, "floor.v1")
        env, key = prepared(kafka, dsn, scratch)
        for round_ in range(1, args.rounds + 1):
            with floor(kafka, "floor.v1") as server:
                await measure(server, BARE, round_, args.count, results)
            with capture(env, key, "--part", "doors") as server:
                await measure(server, DOORS, round_, args.count, results)
            await decided(env, results)
            with capture(env, key) as server:
                await measure(server, WHOLE, round_, args.count, results)
            await decided(env, results)
    finally:
        broker.stop()
        postgres.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    head = f"{machine()}, {datetime.now(UTC):%Y-%m-%d}, {args.rounds} rounds"
    report = f"# Capture alone\n\n{__doc__}\n{head}\n\n{table(results)}\n"
    print("\n" + report)
    if args.out:
        Path(args.out).write_text(report)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=4_000, help="leads of each load and round")
    parser.add_argument("--out", help="write the report here too")
    uvloop.run(main(parser.parse_args()))
