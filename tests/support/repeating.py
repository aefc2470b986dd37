"""Requests that repeat each other, and the laws of what becomes of them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from schemas import topics
from schemas.base import Lane, Motion
from schemas.cloudevents import Envelope
from schemas.submission import KeyKind, SubmissionReceived
from services.capture import events
from services.capture.adapters.base import Item
from services.runtime.records import Output, Record

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TABLES = "deliveries, identities, leads, touches, quarantine, inbox, outbox"
TOUCHES = (
    "select t.*, l.touches, l.account_key from capture.touches t"
    " left join capture.leads l using (lead_id) order by lead_id, touch"
)


@dataclass(frozen=True)
class Decided:
    """One published record."""

    id: UUID
    topic: str
    value: bytes

    @classmethod
    def of(cls, out: Output) -> Decided:
        return cls(Envelope.from_headers(out.headers).id, out.topic, out.value or b"")


@dataclass(frozen=True)
class Said:
    """One request: who, with which key, how often delivered."""

    key: str
    email: int | None
    phone: int | None
    form: str
    minute: int
    attempts: int

    @property
    def body(self) -> bytes:
        form: dict[str, object] = {"form_id": self.form}
        if self.email is not None:
            form["email"] = f"person{self.email}@acme{self.email}.com"
        if self.phone is not None:
            form["phone"] = f"+4930901{820 + self.phone}"
        if len(form) == 1:
            form["external_id"] = "x"
        return json.dumps(form).encode()

    def records(self) -> list[Record[SubmissionReceived]]:
        """Its deliveries: an answer was lost, so the sender came again, in a request of its own."""
        return [record(self, attempt) for attempt in range(self.attempts)]


def record(said: Said, attempt: int = 0) -> Record[SubmissionReceived]:
    at = AT + timedelta(minutes=said.minute, seconds=attempt)
    item = Item(said.body, said.key, KeyKind.VENDOR_ID)
    event = events.received("api", item, headers={}, lane=Lane.LIVE, motion=Motion.INBOUND, at=at)
    out = events.submission_output(event)
    envelope = Envelope.from_headers(out.headers)
    return Record(event, envelope, out.topic, 0, 0, out.key, out.value or b"", out.headers)


def assert_each_once(
    requests: Sequence[Said], published: Sequence[Decided], touches: Sequence[Mapping[str, Any]]
) -> None:
    """Every delivery has one outcome, and every person one row."""
    outcomes: dict[UUID, dict[UUID, Decided]] = defaultdict(dict)
    for out in published:
        document = json.loads(out.value)
        known = outcomes[UUID(document["submission_id"])].setdefault(out.id, out)
        assert known.value == out.value, "a repeat is the same bytes"
    submissions = {record(one).event.submission_id for one in requests}
    assert set(outcomes) == submissions
    assert {len(found) for found in outcomes.values()} == {1}

    # Of the bodies under one key one is the delivery, the others are conflicts.
    captured = [
        json.loads(out.value)
        for found in outcomes.values()
        for out in found.values()
        if out.topic == topics.CAPTURED.name
    ]
    assert len(captured) == len({one.key for one in requests}) == len(touches)

    lead_of: dict[str, str] = {}
    for one in captured:
        address, lead_id = one["lead"]["email"], one["lead"]["lead_id"]
        if address is not None:
            assert lead_of.setdefault(address, lead_id) == lead_id, "a mailbox is one lead"
    assert len(set(lead_of.values())) == len(lead_of), "and two mailboxes are two"

    aside = [
        json.loads(out.value)["reason"]
        for found in outcomes.values()
        for out in found.values()
        if out.topic == topics.QUARANTINE.name
    ]
    bodies = {(one.key, one.body) for one in requests}
    assert aside == ["conflict"] * (len(bodies) - len(captured))

    by_lead: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for touch in touches:
        by_lead[touch["lead_id"]].append(touch)
    for lead, mine in by_lead.items():
        numbers = [touch["touch"] for touch in mine]
        assert numbers == list(range(1, len(mine) + 1)), lead
        firsts = Counter(touch["repeat"] for touch in mine)["first"]
        assert firsts == 1
        assert {touch["touches"] for touch in mine} == {len(mine)}
    keys: dict[str, str] = {}
    for one in captured:
        assert (
            keys.setdefault(one["lead"]["lead_id"], one["lead"]["account_key"])
            == (one["lead"]["account_key"])
        ), "the account key of a lead never changes"
