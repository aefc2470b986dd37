"""Submissions that a partner produced itself: what may be believed of them.

A partner writes whatever it likes into an event; its topic alone says who it is, since the broker
let it write there. Source, lane and motion are the configuration's, ids are made here, the digest
is taken of the bytes, and nothing refers to a quarantined submission of somebody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from schemas.base import event_id
from schemas.submission import KeyKind, SubmissionReceived
from schemas.topics import partner_of
from services.capture import events
from services.capture.adapters.base import whole
from services.capture.config import CaptureConfig
from services.runtime.records import Record

_HEADER_CHARS = 2_000

Received = Record[SubmissionReceived]


def bound(records: Sequence[Received], config: CaptureConfig, now: datetime) -> list[Received]:
    """The records, those of partners' topics as their source's; others as they are.

    :param now: a later time of receipt is not believed, since keys would outlive their lifetime.
    """
    return [_bound(record, config, now) for record in records]


def _bound(record: Received, config: CaptureConfig, now: datetime) -> Received:
    name = partner_of(record.topic)
    if name is None:
        return record
    given, source = record.event, config.sources.get(name)
    hashed = given.delivery_key_kind is KeyKind.BODY_HASH
    item = whole(given.body, None if hashed else given.delivery_key, given.delivery_key_kind)
    kept = source.adapter.kept_headers if source else frozenset()
    headers = {n.lower(): text[:_HEADER_CHARS] for n, text in given.headers.items()}
    event = events.received(
        name,
        item,
        headers={n: text for n, text in headers.items() if n in kept},
        lane=source.config.lane if source else given.lane,
        motion=source.config.motion if source else given.motion,
        at=min(given.received_at, now),
    )
    # Two partners, or a partner and we, may give two events one id.
    own_id = event_id(record.id, record.topic, event.submission_id, 0)
    return replace(record, event=event, envelope=replace(record.envelope, id=own_id))
