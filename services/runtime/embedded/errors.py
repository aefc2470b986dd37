"""What keeps an embedded part from starting, as one line for a person."""

from __future__ import annotations


class EmbeddedError(Exception):
    """A part of the embedded default cannot start; the message says why and what to do."""
