"""What every text that comes over HTTP must be, to be stored; and how two are compared. Pure."""

from __future__ import annotations

import re
from typing import Final

from pydantic import AfterValidator

_BETWEEN: Final = re.compile(r"[\s_-]+")


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds NUL, which no text may")
    return text


Storable = AfterValidator(_storable)
"""Of an annotated text: Postgres takes it."""


def as_said(text: str) -> str:
    """A word of a list as it is compared: a CRM's ``Bad-Timing`` is our ``bad_timing``."""
    return _BETWEEN.sub(" ", text.casefold()).strip()
