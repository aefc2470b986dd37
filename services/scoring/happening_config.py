"""The part of ``scoring.yaml`` that is about activities and signals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.signal import SignalName
from services.kernel.durations import Duration
from services.kernel.faults import Fault

SIGNALS_GROUP = "signals"


class Told(StrEnum):
    """Who hears of a signal."""

    OWNER = "owner"
    """The rep who has the lead."""
    MANAGER = "manager"
    """The manager of the lead's pool."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ActivitySection(_Strict):
    """How long an activity waits for the person whom it is about."""

    unknown_person: Duration = timedelta(hours=24)
    """For somebody whom a tool names and nobody has heard of."""
    anonymous_visit: Duration = timedelta(days=30)
    """For whoever identifies in the same browser."""


class SignalRule(_Strict):
    """What one sort of signal is worth to every lead of its account, and who hears of it."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    signal: SignalName
    points: Annotated[int, Field(ge=-1000, le=1000)]
    """At full strength; what the provider says of its strength scales them."""
    half_life_days: Annotated[int, Field(ge=1, le=365)]
    group: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")] = SIGNALS_GROUP
    tell: tuple[Told, ...] = ()
    creates_lead: bool = False
    """One outbound lead for an account of which nobody is known."""


class Together(_Strict):
    """More points for an account about which several sorts of signals are active at once."""

    signals: Annotated[int, Field(ge=2, le=20)] = 2
    points: Annotated[int, Field(ge=0, le=1000)]


def signal_faults(rules: Sequence[SignalRule]) -> Iterator[Fault]:
    """Each sort of signal is defined once, under a name of its own."""
    for at, rule in enumerate(rules):
        before = rules[:at]
        if any(one.signal is rule.signal for one in before):
            text = f"the signal {rule.signal.value!r} is defined twice"
            yield Fault(("signals", at, "signal"), text)
        if any(one.id == rule.id for one in before):
            yield Fault(("signals", at, "id"), f"there are two signals {rule.id!r}")
