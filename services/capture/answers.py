"""What senders hear."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastapi import Response
from pydantic_core import to_json

from services.capture.acceptance import Accepted
from services.runtime.http import Problem

RETRY_AFTER_S = 30
FULL_RETRY_AFTER_S = 1


def accepted(results: Sequence[Accepted]) -> Response:
    """200. ``duplicate`` only where every item was delivered before."""
    body: dict[str, object] = {
        "status": "duplicate" if results and all(r.duplicate for r in results) else "accepted",
        "submission_id": str(results[0].submission_id) if results else None,
    }
    if len(results) > 1:
        body["submission_ids"] = [str(r.submission_id) for r in results]
    return Response(to_json(body), media_type="application/json")


def refused(status: int) -> Problem:
    """The one answer to a wrong signature, a missing one, an old one and an unknown source."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 429 else None
    return Problem(status, "Unauthorized", "The request is not proven.", headers=headers)


def conflict(submission_id: str) -> Problem:
    """The idempotency key was used for something else."""
    return Problem(
        409,
        "Conflict",
        "This Idempotency-Key was used before, with another body.",
        submission_id=submission_id,
    )


def too_many(wait_s: float) -> Problem:
    """The source sends more than its configured rate."""
    seconds = max(1, math.ceil(wait_s))
    return Problem(
        429,
        "Too many requests",
        "This source sends more than it may.",
        headers={"Retry-After": str(seconds)},
    )


def full() -> Problem:
    """The in-process broker has as much as it can hold."""
    return Problem(
        429,
        "Too many requests",
        "Too many submissions are unfinished for the embedded broker.",
        headers={"Retry-After": str(FULL_RETRY_AFTER_S)},
    )


def unavailable(status: int) -> Problem:
    """Neither store took it."""
    return Problem(
        status,
        "Not accepted",
        "The submission could not be stored; send it again.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
