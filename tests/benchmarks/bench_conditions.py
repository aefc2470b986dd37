"""What a rule costs: run ``python -m tests.benchmarks.bench_conditions``.

The rule and the facts are those of docs/decisions/condition-language.md. Each figure is the best of
several rounds, in microseconds per evaluation.
"""

from __future__ import annotations

import json
import sys
import timeit
from collections.abc import Callable, Mapping

from services.kernel.conditions import Condition, EnrichedCondition

RULE = {
    "any": [
        {
            "company.country": ["US", "CA"],
            "company.headcount": {"gte": 200},
            "person.seniority": ["vp", "c_suite"],
            "not": {"email.class": ["free", "disposable"]},
        },
        {"score.total": {"gte": 80}},
    ]
}
FACTS: dict[str, object] = {
    "kind": "demo_request",
    "source": "website",
    "channel": "paid_search",
    "motion": "inbound",
    "lane": "live",
    "form_id": "demo",
    "touch": 1,
    "lead.email_domain": "acme.example",
    "lead.company": "Acme",
    "lead.country": "US",
    "lead.job_title": "VP Sales",
    "utm.source": "google",
    "email.class": "business",
    "email.role": False,
    "company.domain": "acme.example",
    "company.headcount": 450,
    "company.country": "US",
    "person.seniority": "vp",
    "score.total": 41.5,
    "tier": "warm",
}
COUNT = {
    "activities": {
        "kind": "page_view",
        "page_url": {"contains": "/pricing"},
        "within": "7d",
        "count": {"gte": 3},
    }
}
NUMBER, ROUNDS = 20_000, 7


def by_hand(facts: Mapping[str, object]) -> bool:
    """The same rule as plain Python that knows nothing of missing values: the floor."""
    return (
        facts["company.country"] in {"US", "CA"}
        and facts["company.headcount"] >= 200  # type: ignore[operator]
        and facts["person.seniority"] in {"vp", "c_suite"}
        and facts["email.class"] not in {"free", "disposable"}
    ) or facts["score.total"] >= 80  # type: ignore[operator]


def microseconds(call: Callable[[], object], number: int = NUMBER) -> float:
    """Of one call: the best round, which the machine's other work disturbed least."""
    return min(timeit.repeat(call, number=number, repeat=ROUNDS)) / number * 1e6


def acted(views: int) -> dict[str, object]:
    """Facts with so many page views within the window, each fifth of a page of prices."""
    page = ["https://acme.example/blog/a-title-of-some-length"] * 4 + [
        "https://acme.example/pricing"
    ]
    rows = [
        {"kind": "page_view", "at": -float(at), "page_url": page[at % 5]} for at in range(views)
    ]
    return {**FACTS, "now": 0.0, "activities": rows}


def measure() -> dict[str, float]:
    condition = Condition(RULE)
    counting = EnrichedCondition(COUNT)
    few, many = acted(20), acted(500)
    assert counting(few) is counting(many) is True
    missing = {name: FACTS[name] for name in ("kind", "score.total")}
    assert condition(FACTS) is by_hand(FACTS) is True
    return {
        "plain Python": microseconds(lambda: by_hand(FACTS)),
        "condition": microseconds(lambda: condition(FACTS)),
        "condition, most facts missing": microseconds(lambda: condition(missing)),
        "count over 20 activities": microseconds(lambda: counting(few), 2_000),
        "count over 500 activities": microseconds(lambda: counting(many), 200),
        "condition with its trace": microseconds(lambda: condition.explain(FACTS), 2_000),
        "load and check": microseconds(lambda: Condition(RULE), 500),
    }


def main() -> int:
    figures = measure()
    if "--json" in sys.argv[1:]:
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return 0
    for name, value in figures.items():
        print(f"{name:32} {value:8.2f} us")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
