"""What sales tools that run plans have in common: who begins one, and who stops. No vendor here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from schemas.assignment import AssignmentChanged
from services.delivery.model import Again, Delivered, Disabled, Outcome, Refused, Skipped
from services.delivery.planconfig import PlanSink
from services.delivery.sinks.base import Message
from services.runtime.outside import Answer


class Failed(Exception):
    """A call did not do what was asked; carries what comes of the message."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(type(outcome).__name__)
        self.outcome = outcome


class Plans(ABC):
    """A sink that is told of touches of plans."""

    def __init__(self, config: PlanSink) -> None:
        self._plans = config

    async def send(self, message: Message) -> Outcome:
        """See :class:`~services.delivery.sinks.base.Sink`.

        A lead begins its plan once: at the first touch that is told here. The later ones are the
        tool's own. The end of the plan stops it there.
        """
        event, touch = message.delivery.event, message.delivery.touch
        try:
            if message.delivery.farewell:
                return await self._stop(message)
            if touch is None:
                return await self._tried()
            sequence = self._plans.sequences.get(touch.plan or "")
            if sequence is None:
                return Skipped("plan_not_here")
            if not event.lead.email:
                return Skipped("no_email")
            if touch.ended is not None:
                return await self._stop(message)
            return await self._begin(message, sequence, first=touch.step == 1)
        except Failed as failed:
            return failed.outcome

    async def _tried(self) -> Outcome:
        """For ``deliver test``: whether every sequence that is named is there."""
        for plan, sequence in sorted(self._plans.sequences.items()):
            if not await self._exists(sequence):
                return Refused(f"no sequence {sequence} for {plan}")
        return Delivered()

    def _owner_of(self, event: AssignmentChanged) -> str:
        return external_id(event, self._plans.owner_ids)

    @abstractmethod
    async def _exists(self, sequence: int) -> bool: ...

    @abstractmethod
    async def _begin(self, message: Message, sequence: int, *, first: bool) -> Outcome: ...

    @abstractmethod
    async def _stop(self, message: Message) -> Outcome: ...


def external_id(event: AssignmentChanged, name: str) -> str:
    """What the rep is called there.

    :raises Failed: the rep has no such id.
    """
    found = event.rep.external_ids.get(name) if event.rep else None
    if not found:
        raise Failed(Refused(f"no_{name}_id"))
    return found


def taken(answer: Answer, *statuses: int) -> Answer:
    """The answer, if it has one of these statuses.

    :raises Failed: with what comes of the message.
    """
    if answer.status in statuses:
        return answer
    if answer.status == 401:
        raise Failed(Disabled("token_refused"))
    if answer.status == 429 or answer.status >= 500:
        raise Failed(Again(f"status_{answer.status}", answer.retry_after_s))
    raise Failed(Refused(f"status_{answer.status}"))


def one_of(answer: Answer) -> Mapping[str, Any]:
    """The resource of an answer; an empty one where there is none."""
    data = answer.document.get("data")
    return data if isinstance(data, dict) else {}


def all_of(answer: Answer) -> list[Mapping[str, Any]]:
    """The resources of an answer."""
    data = answer.document.get("data")
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def id_of(said: Mapping[str, Any]) -> str:
    """What the vendor calls it.

    :raises Failed: the answer names nothing.
    """
    if (found := said.get("id")) is None:
        raise Failed(Again("unreadable"))
    return str(found)


def known(values: Mapping[str, object | None]) -> dict[str, object]:
    """Without what is not known: an update leaves that as it is there."""
    return {name: value for name, value in values.items() if value}
