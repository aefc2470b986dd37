"""When to ask a vendor again, and when to give up. Pure: times and chance are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

REFUSED, MISSING, TOO_LATE, TOO_LARGE, UNCONFIGURED = (
    "fetch_refused", "fetch_missing", "fetch_too_late", "fetch_too_large", "fetch_unconfigured",
)  # fmt: skip
"""Reasons of dead letters."""

_LONGEST_WAIT_S: Final = 6 * 3600.0
_LATER: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on. Waits double from ``first_s`` up to ``most_s``."""

    first_s: float = 1.0
    most_s: float = 600.0
    refusals: int = 12
    """Attempts at a vendor that refuses us: about half an hour, long enough to change a token."""
    missings: int = 4
    """Some vendors send the event before their own API knows of what it names."""


@dataclass(frozen=True, slots=True)
class Tries:
    """What became of a job so far."""

    attempts: int
    """Begun, this one included."""
    refusals: int = 0
    missings: int = 0
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Again:
    """Ask once more."""

    wait_s: float
    refused: bool = False
    missing: bool = False
    all_of_source: bool = False
    """The vendor's limit holds for every question to it."""


@dataclass(frozen=True, slots=True)
class Over:
    """Nobody will know."""

    reason: str
    detail: str
    """For the operator; names no person."""


def next_step(
    status: int | None,
    retry_after_s: float | None,
    tries: Tries,
    patience: Patience,
    give_up_s: float,
    chance: float,
) -> Again | Over:
    """What to do after an attempt that brought nothing.

    :param status: None where no answer came.
    :param chance: 0 to 1; spreads the waits of many by up to a quarter.
    """
    told = "no answer" if status is None else f"status {status}"
    refused = status is not None and 300 <= status < 500 and status not in (404, 410, *_LATER)
    missing = status in (404, 410)
    if refused and tries.refusals + 1 >= patience.refusals:
        return Over(REFUSED, f"the vendor refused it {tries.refusals + 1} times, last with {told}")
    if missing and (status == 410 or tries.missings + 1 >= patience.missings):
        return Over(MISSING, f"the vendor does not know it ({told})")
    if tries.age_s >= give_up_s:
        return Over(TOO_LATE, f"{tries.attempts} attempts in {tries.age_s:.0f} s, last {told}")
    wait = min(patience.first_s * 2.0 ** min(tries.attempts - 1, 30), patience.most_s)
    wait *= 1 + chance / 4
    if retry_after_s is not None:
        wait = max(wait, min(retry_after_s, _LONGEST_WAIT_S))
    return Again(wait, refused, missing, all_of_source=status == 429)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that ``Retry-After`` asks for: a number, or a date (RFC 9110, 10.2.3)."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
