"""What every provider looks like to the worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from schemas.base import Provenance
from services.enrichment.config import Outcome
from services.enrichment.plan import Question


@dataclass(frozen=True, slots=True)
class Answer:
    """How a question ended, and what it brought."""

    outcome: Outcome
    values: Mapping[str, Provenance] = field(default_factory=dict)
    detail: str = ""
    """Why, for the operator; never a value, an address or a secret."""

    @property
    def keepable(self) -> bool:
        """Whether asking again soon would give the same: a match or a clean miss, no fault."""
        return self.outcome in (Outcome.MATCHED, Outcome.NO_MATCH)


class Provider(Protocol):
    """Somebody who may know a field."""

    @property
    def name(self) -> str: ...

    async def ask(self, question: Question) -> Answer:
        """Answer within the provider's own time-out; a fault is an outcome, never an exception."""
        ...
