"""Replay the Olist leads on real Kafka and write what came out.

    python -m tests.benchmarks.olist FOLDER [--days-per-second 1.2] [--out docs/…/olist.md]

FOLDER holds ``olist_marketing_qualified_leads_dataset.csv`` and ``olist_closed_deals_dataset.csv``
(Olist Marketing Funnel, CC BY-NC-SA 4.0), which are no part of this project.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.olist import team

_CLI = [sys.executable, "-m", "services.cli.main"]
_LEADS = "olist_marketing_qualified_leads_dataset.csv"
_DEALS = "olist_closed_deals_dataset.csv"
_MAPPING = {"external_id": "mql_id", "submitted_at": "first_contact_date", "utm.source": "origin"}
_DAY_S = 86_400


def main(args: argparse.Namespace) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="handraise-olist-"))
    try:
        weights = team.write(scratch / "config", args.folder / _DEALS)
        with _up(scratch):
            summary = _replay(args, scratch)
            members = _json(["fairness", team.POOL, "--data", str(scratch / "data"), "--json"])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    report = _report(args, summary, members["members"], sum(weights.values()))
    print(report)
    if args.out:
        args.out.write_text(report)


@contextmanager
def _up(scratch: Path) -> Iterator[None]:
    command = [*_CLI, "up", "--kafka", "apache", "--json", "--port", "0"]
    command += ["--data", str(scratch / "data"), "--config", str(scratch / "config")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit("handraise up did not become ready; its reason stands above")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _replay(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    command = ["replay", str(args.folder / _LEADS), "--source", team.SOURCE, "--json"]
    command += ["--time-format", "%m/%d/%Y", "--speed", str(args.days_per_second * _DAY_S)]
    command += [part for pair in _MAPPING.items() for part in ("--map", "=".join(pair))]
    return _json([*command, "--data", str(scratch / "data")])


def _json(arguments: list[str]) -> dict[str, Any]:
    done = subprocess.run([*_CLI, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        raise SystemExit(f"handraise {arguments[0]} failed")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _report(
    args: argparse.Namespace, summary: dict[str, Any], members: list[dict[str, Any]], total: int
) -> str:
    worst = max(abs(member["deviation"]) for member in members)
    speed = summary["latency_ms"]
    ends = [
        (end, count) for end, count in summary.items() if end not in ("latency_ms", "duplicates")
    ]
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {psutil.cpu_count()} cores, Python "
        f"{platform.python_version()}, Apache Kafka and Postgres on the same machine, "
        f"{args.days_per_second:g} days of history per second, bulk lane.",
        "", "| what | count |", "|---|---|",
        *(f"| {end} | {count} |" for end, count in ends),
        "", "| received to assigned, seen by an outside reader | ms |", "|---|---|",
        *(f"| {name} | {value} |" for name, value in speed.items()),
        "", f"Largest distance between count and entitlement: {worst:.3f}.",
        "", "| SDR | weight | share of weight | count | entitlement | deviation |",
        "|---|---|---|---|---|---|",
        *(
            f"| {m['id'][:8]} | {m['weight']} | {m['weight'] / total:.3f} | {m['count']} "
            f"| {m['entitlement']:.2f} | {m['deviation']:+.2f} |"
            for m in sorted(members, key=lambda m: -m["weight"])
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days-per-second", type=float, default=1.2)
    parser.add_argument("--out", type=Path)
    main(parser.parse_args())
