"""Fire mutated deliveries of every adapter at capture's door, and say what came of them.

    python -m tests.fuzz [--inputs 1000000] [--seed 1] [--processes N]

Ends with 1 where anything was found, and prints the seeds that repeat it: put such a body
into ``tests/fuzz/findings/<adapter>/`` and mend the code.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time

from services.capture.adapters import ADAPTERS
from tests.fuzz.portions import Result, portion

_PORTION = 5_000


def main() -> int:
    """0 where nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1, help="the first input's")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    last = options.seed + options.inputs
    jobs = [(first, min(_PORTION, last - first)) for first in range(options.seed, last, _PORTION)]
    began, total = time.monotonic(), Result()
    findings: list[str] = []
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for done in pool.starmap(portion, jobs, chunksize=1):
            total.inputs += done.inputs
            total.counts += done.counts
            total.slowest = max(total.slowest, done.slowest)
            findings += done.findings.values()
    spent = time.monotonic() - began
    print(f"{total.inputs} inputs over {len(ADAPTERS)} adapters in {spent:.0f} s,")
    print(f"slowest {1000 * total.slowest:.0f} ms, {len(findings)} findings")
    for what, count in total.counts.most_common():
        print(f"  {what:24} {count}")
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
