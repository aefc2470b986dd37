"""Every event of the bus by its type, with its examples.

The folders ``examples/<type>/good`` and ``…/bad`` are what every service's tests run over. A bad
example names the field that a reader must blame: ``<what is wrong>@<path of the field>.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.base import Event
from schemas.topics import TOPICS

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER / "examples"

EVENTS: dict[str, type[Event]] = {
    event.TYPE: event
    for event in sorted({spec.event for spec in TOPICS}, key=lambda event: event.TYPE)
}
"""Event model by CloudEvents type."""


@dataclass(frozen=True, slots=True)
class BadExample:
    """A payload that nobody may send, and the field at fault."""

    path: Path
    field: str
    """Dotted, as in ``lead.consent.0.basis``."""


def good(event_type: str) -> tuple[Path, ...]:
    """Valid payloads of an event, by file name."""
    return tuple(sorted((EXAMPLES / event_type / "good").glob("*.json")))


def bad(event_type: str) -> tuple[BadExample, ...]:
    """Invalid payloads of an event, by file name."""
    return tuple(
        BadExample(path, path.stem.partition("@")[2])
        for path in sorted((EXAMPLES / event_type / "bad").glob("*.json"))
    )
