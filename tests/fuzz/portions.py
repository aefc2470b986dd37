"""Work for one process of many: inputs by number, each its own seed."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

from services.capture.adapters import ADAPTERS
from tests.fuzz.door import Door, Found
from tests.fuzz.mutations import SeededDice


@dataclass
class Result:
    """Of one portion of inputs."""

    inputs: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    findings: dict[str, str] = field(default_factory=dict)
    """The first of each adapter; after it the adapter is left alone."""


def portion(first: int, count: int) -> Result:
    """Inputs ``first`` to ``first + count``; each is its own seed."""
    logging.disable(logging.CRITICAL)  # libraries complain about each strange header
    door, result = Door(), Result()
    names = sorted(ADAPTERS)
    try:
        for seed in range(first, first + count):
            adapter = names[seed % len(names)]
            if adapter in result.findings:
                continue
            result.inputs += 1
            try:
                door.try_one(adapter, SeededDice(seed))
            except Found as found:
                result.findings[adapter] = f"seed {seed}: {found}"
    finally:
        door.close()
    result.counts, result.slowest = door.counts, door.slowest
    return result
