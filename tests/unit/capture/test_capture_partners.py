"""What may be believed of an event that a partner wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from schemas.base import ChannelName, Lane, Motion
from schemas.cloudevents import Envelope
from schemas.submission import KeyKind, SubmissionReceived
from schemas.topics import SUBMISSIONS, partner, partner_of
from services.capture import config, partners
from services.capture.adapters.base import body_digest
from services.capture.config import CaptureConfig
from services.runtime.configfile import ConfigError
from services.runtime.records import Record

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FILES = {p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")}
ACME = """
  acme:
    adapter: api
    topic: partner
    kind: referral
    lane: bulk
    motion: outbound
"""
TOPIC = partner("acme").name
BODY = b'{"email": "dana@northwind.example"}'


def parsed(more: str = ACME) -> CaptureConfig:
    return config.parse({**FILES, "sources.yaml": FILES["sources.yaml"] + more})


def written(**changes: object) -> SubmissionReceived:
    """An event of a partner that claims whatever it can."""
    event = SubmissionReceived(
        submission_id=UUID(int=7),
        causation_id=UUID(int=8),
        received_at=NOW,
        lane=Lane.LIVE,
        motion=Motion.INBOUND,
        channel=ChannelName.PAID_SEARCH,
        source="website",
        delivery_key="p-1",
        delivery_key_kind=KeyKind.VENDOR_ID,
        content_type="application/json",
        headers={"Content-Type": "application/json", "authorization": "Bearer x"},
        body=BODY,
        body_sha256="00",
    )
    return event.model_copy(update=changes)


def bound(
    event: SubmissionReceived,
    topic: str = partner("acme").name,
    capture: CaptureConfig | None = None,
) -> Record[SubmissionReceived]:
    envelope = Envelope(
        id=UUID(int=9), type=event.TYPE, source="/acme", subject=event.subject, time=NOW
    )
    record = Record(event, envelope, topic, 0, 0, b"p-1", event.encode(), envelope.to_headers())
    [found] = partners.bound([record], capture or parsed(), NOW)
    return found


def test_the_topic_says_who_it_is_whatever_the_event_says() -> None:
    event = bound(written()).event
    assert (event.source, event.lane, event.motion) == ("acme", Lane.BULK, Motion.OUTBOUND)
    assert event.body == BODY
    assert event.body_sha256 == body_digest(BODY)
    assert event.headers == {"content-type": "application/json"}
    assert event.causation_id is None, "a partner releases nothing from quarantine"
    assert event.submission_id != UUID(int=7), "it could name a submission of somebody else"
    assert event.channel is ChannelName.UNKNOWN


def test_a_repeat_is_the_same_submission_and_another_partners_is_not() -> None:
    first, again = bound(written()), bound(written(submission_id=UUID(int=70)))
    assert first.event.submission_id == again.event.submission_id
    other = parsed(ACME + ACME.replace("acme", "bravo"))
    theirs = bound(written(), partner("bravo").name, other)
    assert theirs.event.source == "bravo"
    assert theirs.event.submission_id != first.event.submission_id
    assert theirs.id != first.id


@pytest.mark.parametrize("key", ["", " ", "x" * 500, "sha256:aa", "a\x00b"])
def test_any_key_becomes_one_that_can_be_stored(key: str) -> None:
    event = bound(written(delivery_key=key)).event
    assert 0 < len(event.delivery_key) <= 200
    assert event.delivery_key.isprintable()
    assert event.delivery_key != "sha256:aa"


def test_a_hash_is_taken_here_and_a_time_to_come_is_not_believed() -> None:
    event = bound(written(delivery_key_kind=KeyKind.BODY_HASH)).event
    assert event.delivery_key == f"sha256:{body_digest(BODY)}"
    assert bound(written(received_at=NOW + timedelta(days=900))).event.received_at == NOW
    earlier = NOW - timedelta(hours=3)
    assert bound(written(received_at=earlier)).event.received_at == earlier


def test_records_of_the_house_stay_as_they_are() -> None:
    event = written()
    found = bound(event, SUBMISSIONS.name)
    assert found.event is event
    assert found.id == UUID(int=9)


def test_a_partner_whose_source_is_gone_is_still_not_somebody_else() -> None:
    assert bound(written(), capture=parsed("")).event.source == "acme"


def test_each_partner_has_a_topic_of_its_lane() -> None:
    [topic] = config.partner_topics(parsed())
    assert (topic.name, topic.lane) == ("submissions.partner.acme.v1", Lane.BULK)
    assert config.partner_topics(parsed("")) == []
    assert partner_of(topic.name) == "acme"
    assert partner_of(SUBMISSIONS.name) is None
    assert partner_of(topic.dead_letters("capture")) is None


def test_a_partners_topic_needs_no_secret_and_takes_none() -> None:
    with pytest.raises(ConfigError, match="takes neither"):
        parsed(ACME + "    secret: ACME\n")


def test_headers_are_those_that_the_adapter_keeps() -> None:
    long = bound(written(headers={"content-type": "x" * 9_000}))
    assert len(long.event.headers["content-type"]) == 2_000
