"""What the stand-ins received, the newest first; as much as a person looks at."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_MOST = 500


@dataclass(slots=True)
class Received:
    """One message."""

    sink: str
    at: datetime
    title: str
    text: str
    id: str
    """What the sink calls it: a Slack time stamp, a Message-ID, a webhook id."""
    to: str = ""
    token: str | None = None
    """What its buttons hold; None where it has none (any more)."""
    changes: int = 0
    raw: Any = None


@dataclass(slots=True)
class Inbox:
    """In memory: a demonstration, not a store."""

    messages: deque[Received] = field(default_factory=lambda: deque(maxlen=_MOST))

    def add(self, one: Received) -> None:
        self.messages.appendleft(one)

    def find(self, sink: str, id_: str) -> Received | None:
        return next((m for m in self.messages if m.sink == sink and m.id == id_), None)
