"""What senders hear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from fastapi import Response
from pydantic_core import to_json

from services.capture.acceptance import Accepted
from services.capture.adapters.base import Acknowledgement
from services.runtime.http import Problem

RETRY_AFTER_S = 30
_IS_JSON: Final = (b"content-type", b"application/json")
FULL_RETRY_AFTER_S = 1


def accepted(results: Sequence[Accepted], token: str | None = None) -> Response:
    """200. ``duplicate`` only where every item was delivered before.

    :param token: for ``GET /v1/submissions/{id}``.
    """
    body: dict[str, object] = {
        "status": "duplicate" if results and all(r.duplicate for r in results) else "accepted",
        "submission_id": str(results[0].submission_id) if results else None,
    }
    if token is not None:
        body["token"] = token
    if len(results) > 1:
        body["submission_ids"] = [str(r.submission_id) for r in results]
    return _Json(to_json(body))


class _Json(Response):
    """A 200 with a JSON body: what Starlette makes of one, without asking what it may be."""

    media_type = "application/json"

    def __init__(self, body: bytes) -> None:
        self.status_code, self.body, self.background = 200, body, None
        self.raw_headers = [(b"content-length", b"%d" % len(body)), _IS_JSON]


def refused(how: Acknowledgement) -> Problem:
    """The one answer to a wrong signature, a missing one, an old one and an unknown source."""
    status = how.refused
    headers = _retry_after(RETRY_AFTER_S, how) if status == 429 else None
    return Problem(status, "Unauthorized", "The request is not proven.", headers=headers)


def conflict(submission_id: str) -> Problem:
    """The idempotency key was used for something else."""
    return Problem(
        409,
        "Conflict",
        "This Idempotency-Key was used before, with another body.",
        submission_id=submission_id,
    )


def too_many(wait_s: float, how: Acknowledgement) -> Problem:
    """The source sends more than its configured rate."""
    return Problem(
        429,
        "Too many requests",
        "This source sends more than it may.",
        headers=_retry_after(max(1, math.ceil(wait_s)), how),
    )


def full(how: Acknowledgement) -> Problem:
    """The in-process broker has as much as it can hold."""
    return Problem(
        429,
        "Too many requests",
        "Too many submissions are unfinished for the embedded broker.",
        headers=_retry_after(FULL_RETRY_AFTER_S, how),
    )


def unavailable(how: Acknowledgement) -> Problem:
    """Neither store took it."""
    return Problem(
        how.busy,
        "Not accepted",
        "The submission could not be stored; send it again.",
        headers=_retry_after(RETRY_AFTER_S, how),
    )


def _retry_after(seconds: int, how: Acknowledgement) -> dict[str, str]:
    return {"Retry-After": str(seconds * how.retry_after_per_s)}
