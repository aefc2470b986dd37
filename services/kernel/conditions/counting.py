"""Counts over activities: "3 pricing views in 7 days".

Facts hold under ``activities`` the newest activities of the lead, newest first, each a mapping with
``kind``, ``at`` (seconds since 1970) and what else is known of it, and under ``now`` the moment of
the decision, in seconds as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.kernel.conditions.nodes import Count, Facts, Op, Test, Verdict
from services.kernel.fields import ACTIVITIES, MOST_ACTIVITIES, NOW, Field, FieldKind

NUMBER_OF = Field("count", FieldKind.NUMBER, "how many there are")


@dataclass(frozen=True, slots=True)
class Such:
    """What an activity must be to be counted."""

    kinds: frozenset[str] | None = None
    rest: Test | None = None


def compile_count(node: Count, such: Such, asked: Sequence[Test]) -> Test:
    """:param asked: what must hold of the number, given as ``{"count": number}``.

    Where it is unknown whether an activity is such, the number lies between two bounds; the answer
    is unknown where it hangs on that.
    """
    # A limit in one direction that answers the same at both ends does so for all between.
    asks = {one.op for one in node.count}
    ordered = asks <= {Op.GT, Op.GTE} or asks <= {Op.LT, Op.LTE}

    def test(facts: Facts) -> Verdict:
        bounds = count_of(node, such, facts)
        if bounds is None:
            return None
        low, high = bounds
        numbers = (low, high) if ordered else range(low, high + 1)
        verdicts = {_holds(asked, number) for number in numbers}
        return verdicts.pop() if len(verdicts) == 1 else None

    return test


def count_of(node: Count, such: Such, facts: Facts) -> tuple[int, int] | None:
    """The least and the most that the number can be; None where no activities are known."""
    rows: Any = facts.get(ACTIVITIES)
    now: Any = facts.get(NOW)
    if rows is None or (now is None and node.within is not None):
        return None
    oldest = None if node.within is None or now is None else now - node.within
    kinds, rest = such.kinds, such.rest
    sure = unsure = 0
    for row in rows[:MOST_ACTIVITIES]:
        if oldest is not None and row["at"] < oldest:
            break
        if now is not None and row["at"] > now:
            continue
        if kinds is not None and row["kind"] not in kinds:
            continue
        found = True if rest is None else rest(row)
        if found:
            sure += 1
        elif found is None:
            unsure += 1
    return sure, sure + unsure


def _holds(asked: Sequence[Test], number: int) -> bool:
    return all(test({NUMBER_OF.name: number}) for test in asked)
