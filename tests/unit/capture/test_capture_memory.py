"""What the HTTP side keeps in memory: recent deliveries, and which submissions ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from schemas import topics
from schemas.submission import KeyKind
from services.capture.ends import end_topics, ended
from services.capture.gaps import Gaps
from services.capture.recent import RecentDeliveries
from services.capture.repeats import Delivered, Delivery, compare, submission_id

AT = datetime(2026, 11, 23, 23, 59, tzinfo=UTC)


def delivered(body: str = "b") -> Delivered:
    return Delivered(uuid4(), body)


def test_a_recent_delivery_is_known_until_it_expires() -> None:
    recent = RecentDeliveries()
    first = delivered()
    recent.add("s", "k", first, expires_at=100, now=0)
    recent.add("s", "k", delivered("other"), expires_at=200, now=1)
    assert recent.get("s", "k", 99) is first
    assert recent.get("s", "k", 100) is None
    assert recent.get("other", "k", 1) is None


def test_the_oldest_deliveries_are_forgotten_first() -> None:
    recent = RecentDeliveries(capacity=2)
    for key in "abc":
        recent.add("s", key, delivered(), expires_at=100, now=0)
    assert [recent.get("s", key, 1) is not None for key in "abc"] == [False, True, True]
    assert not recent.complete


def test_numbers_that_were_passed_over_are_looked_for_until_they_cannot_come_any_more() -> None:
    gaps = Gaps(most=4, patience_s=60)
    gaps.passed(10, [11, 14], now=0)
    assert gaps.open(now=1) == [12, 13]
    gaps.found([13])
    gaps.passed(14, [15, 17], now=50)
    assert gaps.open(now=60) == [12, 16]
    assert gaps.open(now=61) == [16]
    gaps.passed(17, [1_000_000], now=62)
    assert gaps.open(now=62) == [999_996, 999_997, 999_998, 999_999], "the newest, and no more"


def test_the_same_key_is_a_retry_with_the_same_body_and_a_conflict_with_another() -> None:
    assert compare(delivered("b"), "b") is Delivery.RETRY
    assert compare(delivered("b"), "c") is Delivery.CONFLICT


def test_a_retry_has_the_id_of_its_submission_and_a_conflict_its_own() -> None:
    first = submission_id("s", "k", KeyKind.VENDOR_ID, "body", AT)
    assert submission_id("s", "k", KeyKind.VENDOR_ID, "body", AT + timedelta(days=9)) == first
    assert submission_id("s", "k", KeyKind.VENDOR_ID, "other", AT) != first
    assert submission_id("t", "k", KeyKind.VENDOR_ID, "body", AT) != first
    hashed = submission_id("s", "k", KeyKind.BODY_HASH, "body", AT)
    assert submission_id("s", "k", KeyKind.BODY_HASH, "body", AT + timedelta(days=1)) != hashed


@pytest.mark.parametrize(
    "value", [None, b"", b"[]", b"1", b"{}", b'{"submission_id":null}', b'{"submission_id":1}',
              b'{"submission_id":"x"}', b"\xff", b"[" * 10_000],
)  # fmt: skip
def test_a_record_that_names_no_submission_ends_none(value: bytes | None) -> None:
    assert ended([value]) == set()


def test_an_end_names_its_submission_on_every_topic_that_tells_of_ends() -> None:
    one = UUID(int=7)
    assert ended([f'{{"submission_id":"{one}"}}'.encode(), b"junk"]) == {one}
    assert {topics.ASSIGNMENTS.name, topics.QUARANTINE.name} < set(end_topics())
    assert topics.CAPTURED.dead_letters("enrichment") in end_topics()
