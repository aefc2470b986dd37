"""Reads a person's calendar for ``reps leave --ical``: a file, or an address that is asked once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx

from services.cli.output import CommandError

_MOST_BYTES: Final = 1024 * 1024
_TIMEOUT_S: Final = 30.0


def calendar(named: str) -> bytes:
    """:raises CommandError: it cannot be read, or is larger than 1 MiB."""
    if "://" in named:
        return _fetched(named.replace("webcal://", "https://", 1))
    try:
        text = Path(named).read_bytes()
    except OSError as error:
        raise CommandError(f"{named}: {error.strerror}") from None
    return _bounded(text, named)


def _fetched(url: str) -> bytes:
    if not url.startswith("https://"):
        raise CommandError("a calendar is read over https only", 2)
    text = b""
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, trust_env=False) as answer:
            if not answer.is_success:
                raise CommandError(f"the calendar's address answers {answer.status_code}")
            for chunk in answer.iter_bytes():
                text = _bounded(text + chunk, "the calendar")
    except httpx.HTTPError as error:
        raise CommandError(f"the calendar cannot be read: {type(error).__name__}") from None
    return text


def _bounded(text: bytes, named: str) -> bytes:
    if len(text) > _MOST_BYTES:
        raise CommandError(f"{named} has more than {_MOST_BYTES} bytes")
    return text
