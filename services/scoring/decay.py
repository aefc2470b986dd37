"""Points that fade by whole days. The same input gives the same integers on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from uuid import UUID

from schemas.score import Dimension, LedgerLine

_EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Earner:
    """A rule that gives points for what happened."""

    rule: str
    group: str
    points: int
    """Hundredths, on the first day."""
    half_life_days: int | None


def fading(earner: Earner, event: UUID, at: datetime, now: datetime) -> LedgerLine | None:
    """The line of one happening; None once nothing of it is left."""
    points = decayed(earner.points, earner.half_life_days, (now - at) // _DAY)
    if points == 0:
        return None
    expires = (
        None
        if earner.half_life_days is None
        else at + lifetime(earner.points, earner.half_life_days) * _DAY
    )
    return LedgerLine(
        rule=earner.rule,
        dimension=Dimension.INTENT,
        group=earner.group,
        points=points,
        event=event,
        expires_at=expires,
    )


@lru_cache(maxsize=65_536)
def decayed(points: int, half_life_days: int | None, days: int) -> int:
    """Hundredths that are left of ``points`` hundredths after ``days`` whole days.

    In decimals, because a float's power may round differently on another machine.
    """
    if half_life_days is None or days <= 0:
        return points
    left = _EXACT.power(Decimal(2), _EXACT.divide(Decimal(-days), Decimal(half_life_days)))
    return int(_EXACT.multiply(Decimal(points), left).to_integral_value(ROUND_HALF_EVEN))


@lru_cache(maxsize=4096)
def lifetime(points: int, half_life_days: int) -> int:
    """After how many whole days nothing is left."""
    low, high = 0, half_life_days * (abs(points).bit_length() + 2)
    while low < high:
        middle = (low + high) // 2
        if decayed(points, half_life_days, middle) == 0:
            high = middle
        else:
            low = middle + 1
    return low
