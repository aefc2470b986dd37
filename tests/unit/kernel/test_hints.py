"""Whom an activity is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from schemas.activity import ActivityName, ActivityRecorded, Actor
from services.kernel.hints import Hint, HintKind, activity_id, hints_of
from services.kernel.identity import lead_id, normalise_email

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECRET = b"an installation's secret of 32 bytes!"


def done(**fields: Any) -> ActivityRecorded:
    known = {
        "activity": ActivityName.PAGE_VIEW,
        "occurred_at": AT,
        "received_at": AT,
        "actor": Actor.HUMAN,
    }
    return ActivityRecorded(**known | fields)


def test_the_surest_hint_comes_first() -> None:
    everything = done(
        lead_id=uuid4(), assignment_id=uuid4(), email="dana@acme.example", phone="+4930901820",
        visitor_id="v-1", domain="www.acme.example",
    )  # fmt: skip
    kinds = [hint.kind for hint in hints_of(everything, SECRET)]
    assert kinds == [
        HintKind.LEAD, HintKind.ASSIGNMENT, HintKind.PERSON, HintKind.PERSON, HintKind.VISITOR,
        HintKind.ACCOUNT,
    ]  # fmt: skip


def test_a_mailbox_is_known_by_the_token_that_capture_gives_it() -> None:
    token = lead_id(SECRET, normalise_email("dana+news@gmail.com"), None, "website", None)
    assert hints_of(done(email="D.ana@googlemail.com"), SECRET) == (
        Hint(HintKind.PERSON, str(token)),
    )


def test_what_is_shared_names_nobody() -> None:
    assert hints_of(done(domain="gmail.com"), SECRET) == ()
    assert hints_of(done(email="not an address"), SECRET) == ()
    assert hints_of(done(phone="12"), SECRET) == ()


def test_an_activity_that_its_source_named_is_the_same_whatever_carries_it() -> None:
    named = done(visitor_id="v", source="crm", external_id="1")
    assert activity_id(named, uuid4()) == activity_id(named, uuid4())
    assert activity_id(named, uuid4()) != activity_id(
        named.model_copy(update={"source": "dialler"}), uuid4()
    )
    assert activity_id(done(visitor_id="v"), UUID(int=7)) == UUID(int=7)
