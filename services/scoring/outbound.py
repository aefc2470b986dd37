"""Prospects: whom the ideal customer profile lets in, and whose turn it is. Pure.

A list of 5,000 is scored at once and given to nobody at once. Who fits the profile waits for a turn
of their pool's daily drip; until then, and for as long as they do not fit, the tier is nurture, so
that routing keeps them. A turn is a better tier, which routing hears of as of any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from schemas.base import TierName
from schemas.score import Dimension, LedgerLine
from services.kernel.conditions import EnrichedCondition, Facts
from services.kernel.faults import Fault
from services.kernel.timezones import TimeZoneName

GROUP = "outbound"
OUTSIDE = "outside_profile"
"""Rule of the line that says why a prospect stays in nurture."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Drip(_Strict):
    """How many prospects a pool is given a day."""

    pool: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    """The pool of routing.yaml that they go to; the name under which they wait."""
    when: EnrichedCondition | None = None
    """Whose drip it is; the first that fits. The last has none."""
    per_day: Annotated[int, Field(ge=1, le=100_000)]
    start: time = time(8)
    """By the wall clock of ``time_zone``: from then on the day's prospects go out."""
    time_zone: TimeZoneName = "UTC"
    days: frozenset[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = frozenset(
        _DAYS[:5]  # type: ignore[arg-type]
    )


class Outbound(_Strict):
    """What is asked of prospects besides their score."""

    icp: EnrichedCondition | None = None
    """The ideal customer profile: headcount, industry, technologies, funding, geography. Whoever is
    not known to fit is nurtured; absent, everybody fits."""
    drips: tuple[Drip, ...] = ()
    """Absent: all go at once."""


@dataclass(frozen=True, slots=True)
class Held:
    """A prospect whom routing is to nurture for now."""

    line: LedgerLine
    pool: str | None
    """Whose turn it waits for; None: it is outside the profile."""


def held(outbound: Outbound, facts: Facts, tier: TierName, *, released: bool) -> Held | None:
    """Whether a prospect is held back.

    :param released: it had its turn.
    """
    if outbound.icp is not None and outbound.icp(facts) is not True:
        return Held(_line(OUTSIDE), None)
    if released or tier is TierName.NURTURE:
        return None
    for drip in outbound.drips:
        if drip.when is None or drip.when(facts) is True:
            return Held(_line(f"waits_for_turn:{drip.pool}"), drip.pool)
    return None


def opened(drip: Drip, now: datetime) -> datetime | None:
    """When the day's turns began; None before that, and on days that have none."""
    local = now.astimezone(ZoneInfo(drip.time_zone))
    began = datetime.combine(local.date(), drip.start, local.tzinfo)
    if local < began or _DAYS[local.weekday()] not in drip.days:
        return None
    return began.astimezone(UTC)


def outbound_faults(outbound: Outbound | None) -> Iterator[Fault]:
    """Each pool drips once, and only the last drip takes all that is left."""
    drips: Sequence[Drip] = outbound.drips if outbound else ()
    for at, drip in enumerate(drips):
        if any(one.pool == drip.pool for one in drips[:at]):
            yield Fault(("outbound", "drips", at, "pool"), f"there are two drips for {drip.pool!r}")
        if drip.when is None and at < len(drips) - 1:
            text = "takes everybody: those behind it are never reached"
            yield Fault(("outbound", "drips", at), text)


def _line(rule: str) -> LedgerLine:
    return LedgerLine(rule=rule, dimension=Dimension.FIT, group=GROUP, points=0)
