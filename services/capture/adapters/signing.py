"""Comparing proofs without telling by time how close a guess was."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

MAX_PROOF = 1_024
"""Bytes of one presented proof; longer ones are wrong without a comparison."""


def any_matches(presented: Iterable[bytes], expected: Iterable[bytes]) -> bool:
    """Whether one of the presented proofs is one of the expected; compares every pair."""
    given = [proof for proof in presented if len(proof) <= MAX_PROOF]
    found = False
    for right in expected:
        for proof in given:
            # No early exit: which secret matched, and when, must not show in the time.
            found |= hmac.compare_digest(proof, right)
    return found


def ascii_bytes(text: str) -> bytes:
    """A header's text as bytes; what is not ASCII can match no proof and becomes empty."""
    return text.encode() if text.isascii() else b""
