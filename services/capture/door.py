"""What the doors have in common: what they are built with, and how they let a request in."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

from fastapi import Request

from schemas.submission import SubmissionReceived
from services.capture import answers
from services.capture.acceptance import Acceptance, Accepted, BothDown
from services.capture.adapters.api import IDEMPOTENCY_KEY
from services.capture.adapters.base import MAX_KEY, Acknowledgement
from services.capture.config import CaptureConfig, Source
from services.capture.limits import SourceLimits
from services.capture.signs import NETWORK_HEADER, network_name
from services.capture.spool import SpoolFull
from services.capture.standing import Outcome
from services.capture.unverified import Unverified
from services.runtime.http import Problem

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_HEADER_CHARS: Final = 2_048

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Doors:
    """What the handlers need."""

    config: Callable[[], CaptureConfig]
    secrets: Mapping[str, list[bytes]]
    acceptance: Acceptance
    unverified: Unverified
    public_url: str | None
    outcome: Callable[[UUID, float], Awaitable[Outcome | None]]
    """What routing said of a submission, waited for so many seconds."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    bulk_lag: Callable[[], float] = lambda: 0.0
    """Seconds that the oldest bulk record waits on its way to routing."""
    heard: Callable[[str, datetime], None] = lambda _source, _at: None
    """Told that a feed delivered something proven."""
    key: bytes = b""
    """Of the installation: keeps what is remembered of networks and secrets from being guessed."""


async def durable(work: Awaitable[T], acknowledgement: Acknowledgement) -> T:
    """The result of accepting, or the answer that says to come again."""
    try:
        return await work
    except SpoolFull as error:
        raise answers.full(acknowledgement) from error
    except BothDown as error:
        raise answers.unavailable(acknowledgement) from error


def traceparent(request: Request) -> str | None:
    """The sender's trace, where it is one."""
    given = request.headers.get("traceparent")
    return given if given and _TRACEPARENT.fullmatch(given) else None


def idempotency_key(request: Request) -> str | None:
    """The client's own key.

    :raises Problem: 400 for one that could not be stored or logged.
    """
    given = request.headers.get(IDEMPOTENCY_KEY)
    if given is not None and not (given.isascii() and given.isprintable() and given.strip()):
        raise Problem(400, "Invalid header", f"{IDEMPOTENCY_KEY} must be printable ASCII.")
    if given is not None and len(given) > MAX_KEY:
        raise Problem(400, "Invalid header", f"{IDEMPOTENCY_KEY} has at most {MAX_KEY} characters.")
    return given


def admit(limits: SourceLimits, source: Source, request: Request) -> None:
    """Let a request in, or say when.

    :raises Problem: 429.
    """
    network = request.app.state.clients.network(request.scope)
    rate = source.config.limits.requests_per_second
    wait = limits.take(source.name, network, rate, time.monotonic())
    if wait > 0:
        raise answers.too_many(wait, source.adapter.acknowledgement)


async def accept(
    acceptance: Acceptance,
    submissions: Sequence[SubmissionReceived],
    request: Request,
    acknowledgement: Acknowledgement,
) -> list[Accepted]:
    """Make all items of a request durable, or none of it answered with 200."""
    work = acceptance.accept_all(submissions, traceparent(request))
    return await durable(work, acknowledgement)


def kept_headers(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """What an adapter keeps of a request's headers."""
    return {name: headers[name][:_HEADER_CHARS] for name in sorted(names) if name in headers}


def network_header(request: Request, source: Source, key: bytes) -> dict[str, str]:
    """The keyed hash of the browser's network, where browsers post to the source themselves."""
    if source.rules.network != "request":
        return {}
    return {NETWORK_HEADER: network_name(request.app.state.clients.network(request.scope), key)}
