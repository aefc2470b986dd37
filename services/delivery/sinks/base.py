"""What every sink does: take one message, and say what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.delivery.brief import Brief
from services.delivery.model import Delivery, Outcome


@dataclass(frozen=True, slots=True)
class Actions:
    """What the rep may do about it, until the attempt is over."""

    token: str
    """Proves the rep and the attempt; for buttons."""
    url: str
    """A page with the same buttons; for mail."""


@dataclass(frozen=True, slots=True)
class Message:
    """All that a sink may use."""

    delivery: Delivery
    brief: Brief
    links: tuple[tuple[str, str], ...]
    actions: Actions | None
    """None where the change asks nothing of anybody."""
    place: str | None
    """Where the sink keeps the message about this attempt, if it has one."""
    attempted: frozenset[str] = frozenset()
    """In a CRM, owners that we may have written for this lead and never heard of."""


class Sink(Protocol):
    """One place to deliver to. Passes ``tests/contract/delivery``."""

    async def send(self, message: Message) -> Outcome:
        """Deliver within the sink's time-out.

        :raises TimeoutError: no answer; whether it arrived is not known.
        :raises OSError: it was not reached.
        """
        ...
