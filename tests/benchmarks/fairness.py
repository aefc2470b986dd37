"""The law of the turns over random pools, filters and absences: the worst deviation, printed.

``python -m tests.benchmarks.fairness [--pools 1000] [--leads 500] [--seed 1]``. Pure arithmetic, no
database: what is measured is the rule, not a machine. The same seed gives the same table.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from services.routing.fairness import EVEN, Turn, choose, give_back, shares

Weights = dict[str, int]
Circumstance = Callable[[random.Random, Weights, int], Iterator[Weights]]


@dataclass(frozen=True, slots=True)
class Row:
    """What a circumstance came to."""

    name: str
    law: int
    worst: Fraction
    members: int
    """Of the pool with the worst deviation."""


def pool(chance: random.Random) -> Weights:
    """2 to 50 members, weights 1 to 20."""
    return {f"m{n:02}": chance.randint(1, 20) for n in range(chance.randint(2, 50))}


def nobody_filtered(chance: random.Random, weights: Weights, leads: int) -> Iterator[Weights]:
    for _ in range(leads):
        yield weights


def filtered(share: float) -> Circumstance:
    """Each member misses each lead by chance, and one is away for a third of the time."""

    def run(chance: random.Random, weights: Weights, leads: int) -> Iterator[Weights]:
        away = chance.choice(sorted(weights))
        for lead in range(leads):
            absent = leads // 3 <= lead < 2 * leads // 3
            yield {
                member: weight
                for member, weight in weights.items()
                if chance.random() >= share and not (absent and member == away)
            }

    return run


def shifts(chance: random.Random, weights: Weights, leads: int) -> Iterator[Weights]:
    """Members work in stretches of their own, as zones and hours make it; some skip days."""
    starts = {member: chance.randrange(24) for member in weights}
    for lead in range(leads):
        hour, day = lead % 24, lead // 24
        yield {
            member: weight
            for member, weight in weights.items()
            if (hour - starts[member]) % 24 < 9 and (day + starts[member]) % 7 < 5
        }


def joiners(chance: random.Random, weights: Weights, leads: int) -> Iterator[Weights]:
    """One member after the other joins, with a part of the full weight at first."""
    names = sorted(weights)
    chance.shuffle(names)
    for lead in range(leads):
        there = names[: 1 + lead * len(names) // leads]
        yield {name: weights[name] * (25 if name == there[-1] else 100) for name in there}


CIRCUMSTANCES: tuple[tuple[str, int, Circumstance], ...] = (
    ("nobody filtered", 1, nobody_filtered),
    ("25 % filtered, one long absence", 2, filtered(0.25)),
    ("50 % filtered, one long absence", 2, filtered(0.5)),
    ("70 % filtered, one long absence", 2, filtered(0.7)),
    ("90 % filtered, one long absence", 2, filtered(0.9)),
    ("shifts around the clock", 2, shifts),
    ("joiners who ramp up", 2, joiners),
)


def measure(name: str, law: int, run: Circumstance, pools: int, leads: int, seed: int) -> Row:
    """The worst of many pools; a tenth of the leads is given back by whoever got them."""
    chance = random.Random(f"{seed}|{name}")
    worst, members = Fraction(0), 0
    for _ in range(pools):
        weights = pool(chance)
        turns: dict[str, Turn] = {}
        found = Fraction(0)
        for eligible in run(chance, weights, leads):
            if not eligible:
                continue
            choice = choose(eligible, turns)
            turns.update(choice.after().turns())
            if law > 1 and chance.random() < 0.1:
                turns.update(give_back(choice.winner, shares(choice.weights), turns).turns())
            found = max(found, _deviation(turns, eligible))
        if found > worst:
            worst, members = found, len(weights)
    return Row(name, law, worst, members)


def _deviation(turns: Mapping[str, Turn], touched: Mapping[str, int]) -> Fraction:
    return max(abs(turns.get(member, EVEN).deviation) for member in touched)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pools", type=int, default=1_000)
    parser.add_argument("--leads", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(f"{asked.pools} pools of 2-50 members, weights 1-20, {asked.leads} leads each")
    print("| circumstance | law | worst deviation, leads | members there |")
    print("| --- | --- | --- | --- |")
    broken = []
    for name, law, run in CIRCUMSTANCES:
        row = measure(name, law, run, asked.pools, asked.leads, asked.seed)
        print(f"| {row.name} | {row.law} | {float(row.worst):.3f} | {row.members} |", flush=True)
        broken += [name] if row.worst > row.law else []
    raise SystemExit(f"the law does not hold: {', '.join(broken)}" if broken else 0)


if __name__ == "__main__":
    main()
