"""What every text that comes over HTTP must be, to be stored. Pure."""

from __future__ import annotations

from pydantic import AfterValidator


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds NUL, which no text may")
    return text


Storable = AfterValidator(_storable)
"""Of an annotated text: Postgres takes it."""
