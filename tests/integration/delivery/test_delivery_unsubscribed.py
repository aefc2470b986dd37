"""Who unsubscribed is left alone, however the activity named them, and whenever it came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import AssignmentChanged
from schemas.base import KindName
from tests.integration.delivery.office import office, slack
from tests.support.changes import changed
from tests.support.standin import Reply, StandIn
from tests.support.waiting import eventually

OK = Reply(body={"ok": True, "ts": "1.1", "channel": "C1"})
AT = datetime(2026, 11, 20, tzinfo=UTC)


def unsubscribed(**named: Any) -> ActivityRecorded:
    return ActivityRecorded(
        activity=ActivityName.UNSUBSCRIBED,
        occurred_at=AT,
        received_at=AT,
        actor=Actor.HUMAN,
        **named,
    )


def _named(by: str, event: AssignmentChanged) -> dict[str, Any]:
    return {
        "email": {"email": "Dana@Northwind.example"},
        "lead": {"lead_id": event.lead_id},
        "attempt": {"assignment_id": event.assignment_id},
    }[by]


@pytest.mark.parametrize("by", ["email", "lead", "attempt"])
async def test_a_prospect_who_unsubscribed_is_left_alone_a_demo_is_answered(
    postgres_dsn: str, by: str
) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        there.replies = [Reply(503)]
        lead = {"email": "dana@northwind.example"}
        prospect = changed(kind=KindName("prospect"), lead=lead)
        await it.tell(prospect)
        await eventually(lambda: _is(it, 1, ("waiting", "status_503")))
        await it.hear(unsubscribed(**_named(by, prospect)))
        await it.due()
        await eventually(lambda: _is(it, 1, ("skipped", "unsubscribed")))
        assert len(there.asked) == 1
        await it.tell(changed(of=prospect, kind=KindName("demo_request")))
        await eventually(lambda: _is(it, 2, ("delivered", None)))


async def _is(it: Any, sequence: int, expected: tuple[str, str | None]) -> bool:
    return bool((await it.states()).get(("slack", sequence)) == expected)
