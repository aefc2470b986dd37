"""Judging proofs without telling by time how close a guess was."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from services.capture.adapters.base import Verdict

MAX_PROOF = 1_024
"""Bytes of one presented proof; longer ones are wrong without a comparison."""
_MOST_DIGITS_OF_SECONDS = 12


def any_matches(presented: Iterable[bytes], expected: Iterable[bytes]) -> bool:
    """Whether one of the presented proofs is one of the expected; compares every pair."""
    given = [proof for proof in presented if len(proof) <= MAX_PROOF]
    found = False
    for right in expected:
        for proof in given:
            # No early exit: which secret matched, and when, must not show in the time.
            found |= hmac.compare_digest(proof, right)
    return found


def any_secret(presented: Iterable[bytes], secrets: Iterable[bytes]) -> bool:
    """Whether one of the presented texts is a secret itself; tells nothing of its length."""
    return any_matches(map(_digest, presented), [_digest(secret) for secret in secrets])


def judged(given: str, expected: Iterable[bytes]) -> Verdict:
    """What the one header is worth in which a sender's signature of the body alone stands.

    :param given: the header; empty where there is none.
    :param expected: what it would be under each live secret.
    """
    if any_matches([ascii_bytes(given)], expected):
        return Verdict.VERIFIED
    return Verdict.MISMATCH if given else Verdict.UNSIGNED


def timely(stamp: str, now: float, window_s: float, per_second: int = 1) -> Verdict:
    """What a proven request is worth by its signed time: verified within the window, else stale.
    Both ways: a replayed request, and a sender whose clock runs ahead.

    :param stamp: Unix time, ``per_second`` units of it making a second.
    """
    most_digits = _MOST_DIGITS_OF_SECONDS + len(str(per_second)) - 1
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= most_digits):
        return Verdict.STALE
    late = abs(now * per_second - int(stamp)) > window_s * per_second
    return Verdict.STALE if late else Verdict.VERIFIED


def ascii_bytes(text: str) -> bytes:
    """A header's text as bytes; what is not ASCII can match no proof and becomes empty."""
    return text.encode() if text.isascii() else b""


def _digest(text: bytes) -> bytes:
    # Digests have one length, so that the comparison does not tell the length of a secret.
    return hmac.digest(b"handraise secret", text, "sha256")
