"""What every sink of ``delivery.yaml`` has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.assignment import AssignmentStatus
from schemas.base import Lane, Motion, RoleName, TierName
from services.kernel.durations import Duration

SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
"""``HANDRAISE_SECRET_<name>`` holds the value."""

TELLS_A_REP = frozenset(
    {
        AssignmentStatus.ASSIGNED,
        AssignmentStatus.REASSIGNED,
        AssignmentStatus.ESCALATED,
        AssignmentStatus.RE_ENGAGED,
    }
)
"""The changes after which a rep has something to do."""


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Only(Strict):
    """Which changes a sink is told of; what is not said restricts nothing."""

    statuses: frozenset[AssignmentStatus] | None = None
    tiers: frozenset[TierName] | None = None
    pools: frozenset[str] | None = None
    roles: frozenset[RoleName] | None = None
    motions: frozenset[Motion] | None = None
    lanes: frozenset[Lane] | None = None


class Rate(Strict):
    """At most ``calls`` in ``seconds``, per process."""

    calls: Annotated[int, Field(ge=1, le=10_000)]
    seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0


class Breaker(Strict):
    """After ``failures`` in a row the sink is left alone for ``seconds``."""

    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0


class BaseSink(Strict):
    enabled: bool = True
    only: Only = Only()
    timeout_ms: Annotated[int, Field(ge=50, le=60_000)] = 10_000
    rate: Rate = Rate(calls=20)
    breaker: Breaker = Breaker()
    concurrency: Annotated[int, Field(ge=1, le=200)] = 8
    """Messages on their way at one time; those of one lead never overtake each other."""
    give_up_after: Duration = timedelta(hours=24)
    """A message older than this becomes a dead letter of the sink."""

    def statuses(self) -> frozenset[AssignmentStatus]:
        """What this kind of sink is told of unless ``only.statuses`` says otherwise."""
        return TELLS_A_REP

    def secrets(self) -> Iterator[tuple[str, str]]:
        """Field and name of each secret."""
        for name in ("secret", "token", "signing_secret", "client_secret"):
            value = getattr(self, name, None)
            if value is not None:
                yield name, value


class HttpSink(BaseSink):
    allow_networks: tuple[str, ...] = ()
    """Private networks that this sink may reach all the same, e.g. ``127.0.0.1/32``."""

    @field_validator("allow_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ip_network(text)
        return value
