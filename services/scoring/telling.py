"""Who is told of a signal: whoever has a lead of the account now, and their manager. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.base import deterministic_id
from schemas.signal import SignalDetected
from schemas.topics import TOUCHES
from schemas.touch import Audience, TouchDue, TouchReason
from services.runtime.records import Output, output
from services.scoring.happening_config import SignalRule, Told

_AUDIENCE = {Told.OWNER: Audience.REP, Told.MANAGER: Audience.MANAGER}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has a lead now."""

    lead_id: UUID
    account_key: str
    assignment_id: UUID
    rep_id: str
    since: datetime


def messages(
    rule: SignalRule,
    signal: UUID,
    event: SignalDetected,
    owners: Iterable[Owner],
    service: str,
    at: datetime,
) -> Iterator[Output]:
    """One for each person who is told, however many leads of the account they have.

    :param signal: by what repeats of the signal are recognised.
    """
    newest: dict[str, Owner] = {}
    for owner in sorted(owners, key=lambda one: (one.since, str(one.assignment_id))):
        newest[owner.rep_id] = owner
    for owner in newest.values():
        for told in dict.fromkeys(rule.tell):
            touch = TouchDue(
                assignment_id=owner.assignment_id,
                lead_id=owner.lead_id,
                account_key=owner.account_key,
                rep_id=owner.rep_id,
                due_at=event.received_at,
                reason=TouchReason.REMINDER,
                audience=_AUDIENCE[told],
                signal=event.signal,
                note=_note(event, owner.account_key),
            )
            yield output(
                TOUCHES,
                owner.account_key,
                touch,
                event_id=deterministic_id("told", signal, owner.rep_id, told.value),
                service=service,
                at=at,
            )


def _note(event: SignalDetected, account: str) -> str:
    what = event.signal.value.replace("_", " ").capitalize()
    detail = f": {event.detail.rstrip('.')}" if event.detail else ""
    return f"{what} at {event.company or account}{detail} ({event.provider})."
