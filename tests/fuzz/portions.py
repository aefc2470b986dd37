"""Work for one process of many: inputs by number, each its own seed."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

from tests.fuzz.door import DOORS, Door, Found
from tests.fuzz.mutations import SeededDice


@dataclass
class Result:
    """Of one portion of inputs."""

    inputs: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    """The first of each door; after it the door is left alone."""

    def add(self, other: Result) -> None:
        self.inputs += other.inputs
        self.answers += other.answers
        self.ends += other.ends
        for door, seconds in other.slowest.items():
            self.slowest[door] = max(seconds, self.slowest.get(door, 0.0))


def portion(numbers: tuple[int, int]) -> Result:
    """So many inputs from a first one on; each number is its own seed."""
    first, count = numbers
    logging.disable(logging.CRITICAL)  # libraries complain about each strange header
    door, result = Door(), Result()
    try:
        for seed in range(first, first + count):
            name = DOORS[seed % len(DOORS)]
            if name in result.findings:
                continue
            result.inputs += 1
            try:
                door.try_one(name, SeededDice(seed))
            except Found as found:
                result.findings[name] = f"seed {seed}: {found}"
    finally:
        door.close()
    result.answers, result.ends, result.slowest = door.answers, door.ends, door.slowest
    return result
