"""Two courses of the same submissions side by side: shares, ends, holds, speed, moves. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.routing.review.cases import Simulated
from services.routing.review.traffic import Arrival, Outcome

Names = tuple[str, str]
_ENDS = ("assigned", "held", "nurtured", "merged", "diverted")


@dataclass(frozen=True, slots=True)
class Pair:
    """One submission in both courses."""

    arrival: Arrival
    old: Outcome
    new: Outcome

    @property
    def moved(self) -> bool:
        return (self.old.place, self.old.pool) != (self.new.place, self.new.pool)


def with_record(run: Simulated) -> list[Pair]:
    """What was recorded against what was simulated."""
    return [Pair(one.arrival, one.arrival.recorded, one.simulated) for one in run.results]


def with_each_other(old: Simulated, new: Simulated) -> list[Pair]:
    """Two simulations of the same traffic."""
    return [
        Pair(one.arrival, one.simulated, other.simulated)
        for one, other in zip(old.results, new.results, strict=True)
    ]


def report(
    pairs: Sequence[Pair], names: Names, until: datetime, moves: int = 100
) -> dict[str, Any]:
    """All that the table, the page and ``--json`` show.

    :param names: of the old and the new course.
    :param until: the end of the period; who is held still has waited until then.
    :param moves: how many of those that moved are told one by one.
    """
    moved = [pair for pair in pairs if pair.moved]
    return {
        "old": names[0],
        "new": names[1],
        "leads": len(pairs),
        "different": len(moved),
        "ends": _ends(pairs),
        "reps": _shares(pairs, lambda outcome: outcome.rep),
        "pools": _shares(pairs, lambda outcome: outcome.pool if outcome.rep else None),
        "rules": _shares(pairs, lambda outcome: outcome.rule or None),
        "holds": {
            "old": _holds(pairs, lambda pair: pair.old, until),
            "new": _holds(pairs, lambda pair: pair.new, until),
        },
        "speed_s": {
            "old": _speed(pairs, lambda pair: pair.old),
            "new": _speed(pairs, lambda pair: pair.new),
        },
        "days": _days(pairs),
        "moves": [_move(pair) for pair in moved[:moves]],
    }


def end_of(outcome: Outcome) -> str:
    """How a submission ended; whoever has the lead, it was assigned."""
    if outcome.status in _ENDS:
        return outcome.status
    return "assigned" if outcome.rep is not None else outcome.status


def _ends(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    old = Counter(end_of(pair.old) for pair in pairs)
    new = Counter(end_of(pair.new) for pair in pairs)
    return {"old": {end: old[end] for end in _ENDS}, "new": {end: new[end] for end in _ENDS}}


def _shares(pairs: Sequence[Pair], of: Callable[[Outcome], str | None]) -> list[dict[str, Any]]:
    """Counts and shares by name, of what somebody got or a rule decided; merges are neither."""
    old = Counter(name for pair in pairs if (name := _named(pair.old, of)))
    new = Counter(name for pair in pairs if (name := _named(pair.new, of)))
    return [
        {
            "name": name,
            "old": old[name],
            "new": new[name],
            "old_share": _share(old[name], old.total()),
            "new_share": _share(new[name], new.total()),
        }
        for name in sorted(old.keys() | new.keys(), key=lambda one: (-old[one], one))
    ]


def _named(outcome: Outcome, of: Callable[[Outcome], str | None]) -> str | None:
    return None if outcome.status == "merged" else of(outcome)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _holds(
    pairs: Sequence[Pair], side: Callable[[Pair], Outcome], until: datetime
) -> dict[str, Any]:
    waits = sorted(
        (
            (until if end_of(side(pair)) == "held" else side(pair).at) - pair.arrival.at
        ).total_seconds()
        for pair in pairs
        if end_of(side(pair)) == "held"
        or (side(pair).rep is not None and side(pair).at > pair.arrival.at)
    )
    still = sum(end_of(side(pair)) == "held" for pair in pairs)
    return {"count": len(waits), "still": still, **_percentiles(waits)}


def _speed(pairs: Sequence[Pair], side: Callable[[Pair], Outcome]) -> dict[str, float | None]:
    """From receipt to the decision that named a rep, in seconds."""
    return _percentiles(
        sorted(
            (side(pair).at - pair.arrival.known.received_at).total_seconds()
            for pair in pairs
            if end_of(side(pair)) == "assigned"
        )
    )


def _percentiles(ordered: Sequence[float]) -> dict[str, float | None]:
    """By nearest rank."""
    if not ordered:
        return {"p50": None, "p90": None, "p99": None, "max": None}
    last = len(ordered) - 1
    found: dict[str, float | None] = {
        f"p{rank}": round(ordered[min(last, -(-rank * len(ordered) // 100) - 1)], 3)
        for rank in (50, 90, 99)
    }
    return {**found, "max": round(ordered[-1], 3)}


def _days(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    leads = Counter(pair.arrival.at.date().isoformat() for pair in pairs)
    moved = Counter(pair.arrival.at.date().isoformat() for pair in pairs if pair.moved)
    return [{"day": day, "leads": leads[day], "different": moved[day]} for day in sorted(leads)]


def _move(pair: Pair) -> dict[str, Any]:
    return {
        "lead_id": pair.arrival.key[0],
        "at": pair.arrival.at,
        "old": _place(pair.old),
        "new": _place(pair.new),
    }


def _place(outcome: Outcome) -> dict[str, Any]:
    return {
        "end": end_of(outcome),
        "rep": outcome.rep,
        "pool": outcome.pool,
        "rule": outcome.rule or None,
        "at": outcome.at,
    }
