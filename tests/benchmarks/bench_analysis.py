"""What the check of a rule list costs: run ``python -m tests.benchmarks.bench_analysis``.

2,000 rules, each over a country and a stretch of headcount, none of which shadows another; then
one more behind them that all of them together shadow in its country.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

from services.kernel.analysis import shadowed
from services.kernel.conditions import Condition
from services.kernel.conditions.nodes import Node

COUNTRIES = ["DE", "FR", "NL", "GB", "US"]


def rules(number: int) -> list[Node]:
    return [
        Condition(
            {
                "lead.country": COUNTRIES[at % 5],
                "company.headcount": {"gte": at // 5 * 10, "lt": at // 5 * 10 + 10},
            }
        ).node
        for at in range(number)
    ]


def measure() -> dict[str, float]:
    figures: dict[str, float] = {}
    for number in (20, 200, 2_000):
        listed = rules(number)
        started = perf_counter()
        assert list(shadowed(listed)) == []
        figures[f"{number} rules, seconds"] = perf_counter() - started
    last = Condition({"lead.country": "DE", "company.headcount": {"between": [5, 300]}}).node
    started = perf_counter()
    (found,) = shadowed([*rules(2_000), last])
    assert len(found.others) == 31
    figures["2,000 rules, one shadowed by 31 of them, seconds"] = perf_counter() - started
    return figures


def main() -> int:
    figures = measure()
    if "--json" in sys.argv[1:]:
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return 0
    for name, value in figures.items():
        print(f"{name:50} {value:8.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
