"""The contract's example payloads, for tests that need a whole event."""

from __future__ import annotations

from pathlib import Path

_EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


def good(event: str, name: str) -> bytes:
    """A valid payload, e.g. ``good("assignment.changed.v1", "assigned")``."""
    return (_EXAMPLES / f"com.handraise.{event}" / "good" / f"{name}.json").read_bytes()
