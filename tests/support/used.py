"""What this run used, for the summary."""

from __future__ import annotations

_lines: dict[str, str] = {}


def note(part: str, what: str) -> None:
    """Remembers what a part was, once."""
    _lines.setdefault(part, what)


def notes() -> dict[str, str]:
    """All of them, for the process that prints the summary."""
    return dict(_lines)


def lines() -> list[str]:
    """One line per part."""
    return [f"{part}: {what}" for part, what in sorted(_lines.items())]
