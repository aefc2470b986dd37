"""When a stage that neither works nor says so must be taken down. Pure: times in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Signs:
    """What the watchdog looks at; times on one monotonic clock, in seconds."""

    beat_at: float
    """Last sign of life of the loop: a poll returned, or a batch began, went on or ended."""
    working: bool
    """A batch is at hand."""
    retrying: bool
    """It waits for infrastructure, and says so."""
    behind_since: float | None
    """Since when the position has stood still although more is known to be there."""
    fetch_age_s: float | None
    """Age of the oldest answer to a fetch among the assigned partitions."""


def verdict(
    signs: Signs, now: float, broker_answers: bool, patience_s: float = PATIENCE_S
) -> str | None:
    """Why the stage counts as stuck, or None.

    A loop that waits while no broker answers is not stuck: it will go on by itself.

    :param broker_answers: whether one has answered for as long as the patience lasts.
    """
    if signs.retrying:
        return None
    silent = now - signs.beat_at
    if silent > patience_s and signs.working:
        return f"a batch has been running for {silent:.0f} s"
    if not broker_answers:
        return None
    if silent > patience_s:
        return f"no poll for {silent:.0f} s"
    if signs.behind_since is not None and now - signs.behind_since > patience_s:
        return f"records wait and the position has not moved for {now - signs.behind_since:.0f} s"
    if signs.fetch_age_s is not None and signs.fetch_age_s > patience_s and not signs.working:
        return f"no answer to a fetch for {signs.fetch_age_s:.0f} s"
    return None


def suspicious(signs: Signs, now: float, patience_s: float = PATIENCE_S) -> bool:
    """Whether it is worth asking the broker."""
    return verdict(signs, now, broker_answers=True, patience_s=patience_s) is not None
