"""What a record of a public topic says to the books."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from aiokafka import ConsumerRecord

from schemas.assignment import AssignmentChanged
from schemas.submission import SubmissionQuarantined
from services.cli.bus import END_TOPICS, DeadLettered, understand
from tests.support.examples import good

_DEAD = "submissions.v1.capture.dlq"


def _record(topic: str, value: bytes | None) -> ConsumerRecord[Any, Any]:
    return cast("ConsumerRecord[Any, Any]", SimpleNamespace(topic=topic, value=value))


def test_each_topic_is_read_as_what_it_carries() -> None:
    assert _DEAD in END_TOPICS
    assigned = understand(_record("assignments.v1", good("assignment.changed.v1", "assigned")))
    assert isinstance(assigned, AssignmentChanged)
    aside = understand(_record("quarantine.v1", good("submission.quarantined.v1", "unparsable")))
    assert isinstance(aside, SubmissionQuarantined)


@pytest.mark.parametrize("topic", ["assignments.v1", "assignments.current.v1", "quarantine.v1"])
@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff\x00", b'{"status": 3}'])
def test_what_cannot_be_read_says_nothing(topic: str, value: bytes | None) -> None:
    assert understand(_record(topic, value)) is None


@pytest.mark.parametrize(
    ("value", "submission"),
    [
        (b'{"submission_id": "00000000-0000-0000-0000-000000000007", "more": 1}', UUID(int=7)),
        (b'{"submission_id": null}', None),
        (b'{"submission_id": "x"}', None),
        (b"[]", None),
        (b"\xff\x00 not JSON", None),
        (b"", None),
        (None, None),
    ],
)
def test_a_dead_letter_may_be_anything(value: bytes | None, submission: UUID | None) -> None:
    assert understand(_record(_DEAD, value)) == DeadLettered(_DEAD, submission)
