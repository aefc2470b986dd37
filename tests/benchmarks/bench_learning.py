"""Does the learning procedure foretell? Leads with outcomes from a table, split by time.

``python -m tests.benchmarks.bench_learning LEADS.csv [LATER.csv]``: learns from the older 70 % of
the file and foretells the newer 30 %; with a second file, learns from the whole first and foretells
the second. The columns are those of the X Education leads unless told otherwise (``--help``);
the file stays where it is.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from services.scoring.learning.columns import Row, learnt
from services.scoring.learning.fitting import fit
from services.scoring.learning.measures import calibrated, measured

OLDER = 0.7
TOP = 0.2
ORDER, OUTCOME = "Lead Number", "Converted"
IDS = ("Prospect ID",)
# Filled in after the sales contact, so they know what is to be foretold.
LEAKAGE = (
    "Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity",
    "Asymmetrique Activity Index", "Asymmetrique Profile Index",
    "Asymmetrique Activity Score", "Asymmetrique Profile Score",
)  # fmt: skip
MISSING = ("Select",)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("leads", type=Path)
    parser.add_argument("later", type=Path, nargs="?")
    parser.add_argument("--order", default=ORDER, help="column of numbers that rises with time")
    parser.add_argument("--outcome", default=OUTCOME, help="column that is 1 or 0")
    parser.add_argument("--without", nargs="*", default=[*IDS, *LEAKAGE])
    parser.add_argument("--missing", nargs="*", default=list(MISSING))
    parser.add_argument("--top", type=float, default=TOP)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def read(path: Path, order: str) -> list[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return sorted(csv.DictReader(file), key=lambda row: float(row[order]))


def halves(given: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    rows = read(given.leads, given.order)
    if given.later is not None:
        return rows, read(given.later, given.order)
    edge = int(len(rows) * OLDER)
    return rows[:edge], rows[edge:]


def measure(given: argparse.Namespace) -> dict[str, object]:
    older, newer = halves(given)
    columns = learnt(older, [given.order, given.outcome, *given.without], given.missing)

    def outcomes(rows: Sequence[Row]) -> list[bool]:
        return [row[given.outcome].strip() in ("1", "yes", "Yes", "true", "True") for row in rows]

    fitted = fit([columns.features(row) for row in older], outcomes(older))
    chances = [fitted.chance(columns.features(row)) for row in newer]
    came = outcomes(newer)
    strongest = sorted(fitted.weights.items(), key=lambda pair: -abs(pair[1]))[:12]
    return {
        "learnt_from": len(older),
        "rate_learnt_from": sum(outcomes(older)) / len(older),
        "strength": fitted.strength,
        "features": len(fitted.weights),
        "strongest": {name: round(weight, 2) for name, weight in strongest},
        **asdict(measured(chances, came, given.top)),
        **asdict(calibrated(chances, came)),
    }


def main() -> int:
    given = arguments()
    found = measure(given)
    if given.json:
        print(json.dumps(found))
        return 0
    groups = found.pop("groups")
    for name, value in found.items():
        print(f"{name:18} {value}")
    print("\nchance   came true   leads")
    for group in groups:  # type: ignore[attr-defined]
        print(f"{group['mean']:6.3f}   {group['rate']:9.3f}   {group['size']:5}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
