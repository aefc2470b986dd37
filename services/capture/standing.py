"""What the person who pressed the button may hear: who will call, or when somebody is back.

What was set aside sounds like what is not decided yet: a submitter cannot tell the difference.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from schemas.assignment import ACTIVE, AssignmentChanged, AssignmentStatus
from services.capture.browser import BrowserConfig

BOOKING: Final = "booking_url"
"""Under this name a rep's ``external_ids`` say where a time with them can be booked."""
_NAMED: Final = ACTIVE | {AssignmentStatus.RE_ENGAGED}
_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What routing said last about a submission, as far as its maker is concerned."""

    submission_id: UUID
    sequence: int
    source: str
    first_name: str | None
    booking_url: str | None
    held_until: datetime | None


def outcomes(events: Iterable[AssignmentChanged]) -> list[Outcome]:
    """The last outcome of each submission; nothing of attempts that are over."""
    latest: dict[UUID, Outcome] = {}
    for event in events:
        one = _outcome(event)
        if one is None:
            continue
        known = latest.get(one.submission_id)
        if known is None or known.sequence < one.sequence:
            latest[one.submission_id] = one
    return list(latest.values())


def standing(
    submission_id: UUID, outcome: Outcome | None, browser: BrowserConfig
) -> dict[str, object]:
    """The answer of ``GET /v1/submissions/{id}``."""
    answer: dict[str, object] = {
        "submission_id": str(submission_id),
        "status": "received",
        "rep": None,
        "booking_url": None,
        "held_until": None,
        "text": browser.received,
    }
    if outcome is None:
        return answer
    if outcome.first_name is None:
        until = outcome.held_until
        return answer | {
            "status": "held",
            "held_until": until.isoformat() if until else None,
            "text": browser.after_hours,
        }
    return answer | {
        "status": "assigned",
        "rep": {"first_name": outcome.first_name},
        "booking_url": outcome.booking_url or browser.booking_url,
        "text": browser.assigned.replace("{first_name}", outcome.first_name),
    }


def token(source: str, submission_id: UUID, key: bytes) -> str:
    """What proves that somebody made this submission, or was told by who did."""
    signed = f"submission:{source}:{submission_id}".encode()
    return f"{source}.{hmac.digest(key, signed, 'sha256').hex()[:40]}"


def source_of(shown: str, submission_id: UUID, key: bytes) -> str | None:
    """The source of a submission, of which somebody shows the token; None where it is not its."""
    source = shown.rpartition(".")[0]
    expected = token(source, submission_id, key)
    known = hmac.compare_digest(shown.encode(errors="replace"), expected.encode(errors="replace"))
    return source if known else None


def _outcome(event: AssignmentChanged) -> Outcome | None:
    named = event.rep if event.status in _NAMED else None
    held = event.status is AssignmentStatus.HELD
    if event.submission_id is None or (named is None and not held):
        return None
    first_name = named.name.split()[0][:100] if named and named.name.split() else None
    if named is not None and first_name is None:
        return None
    return Outcome(
        event.submission_id,
        event.sequence,
        event.source,
        first_name,
        _link(named.external_ids.get(BOOKING)) if named else None,
        event.held_until if held else None,
    )


def _link(text: str | None) -> str | None:
    # It becomes a link on somebody's page: nothing but a web address may stand there.
    if not text or len(text) > _MOST:
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme == "https" and parts.hostname else None
