"""Fire mutated deliveries of every adapter at capture's doors, and say what came of them.

    python -m tests.fuzz [--inputs 1000000] [--seed 1] [--processes N] [--seconds 5400]

Ends with 1 where anything was found, and prints the seeds that repeat it: put such a body
into ``tests/fuzz/findings/<door>/`` and mend the code.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time

from tests.fuzz.door import DOORS
from tests.fuzz.portions import Result, portion

_PORTION = 5_000


def main() -> int:
    """0 where nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1, help="the first input's")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=5_400, help="end there at the latest")
    options = parser.parse_args()
    last = options.seed + options.inputs
    jobs = [(first, min(_PORTION, last - first)) for first in range(options.seed, last, _PORTION)]
    began, total = time.monotonic(), Result()
    findings: list[str] = []
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for done in pool.imap_unordered(portion, jobs):
            total.add(done)
            findings += done.findings.values()
            if time.monotonic() - began > options.seconds:
                break
            if sys.stderr.isatty():
                print(f"\r{total.inputs} of {options.inputs}", end="", file=sys.stderr)
    _print(total, time.monotonic() - began, len(findings))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def _print(total: Result, seconds: float, findings: int) -> None:
    """As the table of docs/benchmarks/fuzz.md."""
    statuses = sorted({status for _, status in total.answers})
    print(f"{total.inputs} inputs at {len(DOORS)} doors in {seconds:.0f} s, {findings} findings,")
    print(f"{sum(n for (_, status), n in total.answers.items() if status >= 500)} answers of 5xx")
    print(f"\n| door | inputs | {' | '.join(map(str, statuses))} | slowest, ms of our CPU |")
    print("| --- |" + " ---: |" * (len(statuses) + 2))
    for door in DOORS:
        counts = [total.answers[door, status] for status in statuses]
        slowest = f"{1000 * total.slowest.get(door, 0.0):.0f}"
        print("| " + " | ".join([door, str(sum(counts)), *map(str, counts), slowest]) + " |")
    print("\n| what the consumer made of it | submissions |\n| --- | ---: |")
    for end, count in total.ends.most_common():
        print(f"| {end} | {count} |")


if __name__ == "__main__":
    raise SystemExit(main())
