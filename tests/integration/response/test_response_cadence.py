"""Touch plans on a real database: who is told what, and what ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.activity import ActivityName, Actor
from schemas.assignment import AssignmentStatus
from schemas.base import TierName
from schemas.topics import TOUCHES
from schemas.touch import TouchDue
from services.response.store import cadences
from services.runtime.records import Output
from tests.integration.response.conftest import OpenDesk
from tests.integration.response.desk import Desk, activity
from tests.support.assignments import LeadLife

PLANS = """
time: wall_clock
cadence:
  bounces: {percent: 5, after: 10}
  plans:
    - id: warm-plan
      tiers: [warm]
      touches:
        - {day: 1, by: call}
        - {day: 4, by: email}
        - {day: 8, by: linkedin}
"""


@pytest.fixture
async def planned(open_desk: OpenDesk) -> Desk:
    return await open_desk(PLANS)


class Warm(LeadLife):
    """A warm lead whose address and role are known."""

    def __init__(self) -> None:
        super().__init__(TierName.WARM)

    def event(self, status: AssignmentStatus, **fields: Any) -> Any:
        made = super().event(status, **fields)
        known = {
            name: datetime.now(UTC) - timedelta(days=2)
            for name in ("email_verified_at", "role_confirmed_at")
        }
        return made.model_copy(update={"lead": made.lead.model_copy(update=known)})


async def told(desk: Desk) -> list[tuple[str, int | None, str]]:
    """One round: means, step and rep of each touch that is due."""
    before = len(desk.published)
    await desk.read_up()
    await desk.touring.once()
    found = [
        TouchDue.read(out.value) for out in desk.published[before:] if out.topic == TOUCHES.name
    ]
    return [(one.means.value, one.step, one.rep_id) for one in found]


async def test_each_touch_is_told_once_to_whoever_has_the_lead(planned: Desk) -> None:
    lead = Warm()
    await planned.hear(lead.given("ana"))
    assert await told(planned) == [("call", 1, "ana")]
    assert await told(planned) == []
    await planned.hear(lead.over(), lead.given("ben", AssignmentStatus.REASSIGNED))
    assert await told(planned) == []
    await planned.later(days=3)
    assert await told(planned) == [("email", 2, "ben")]
    await planned.later(days=4)
    assert await told(planned) == [("linkedin", 3, "ben")]
    await planned.later(days=30)
    assert await told(planned) == []
    assert "enrolled" in await planned.story(lead.lead_id)


@pytest.mark.parametrize(
    "name",
    [
        ActivityName.EMAIL_REPLIED,
        ActivityName.MEETING_BOOKED,
        ActivityName.DISQUALIFIED,
        ActivityName.UNSUBSCRIBED,
    ],
)
async def test_what_the_person_does_ends_the_plan_for_good(
    planned: Desk, name: ActivityName
) -> None:
    lead = Warm()
    await planned.hear(lead.given("ana"))
    assert len(await told(planned)) == 1
    await planned.happens(activity(lead.lead_id, name, actor=Actor.AUTOMATION))
    await planned.hear(lead.over(), lead.given("ben", AssignmentStatus.REASSIGNED))
    await planned.later(days=30)
    assert await told(planned) == []
    assert "plan_ended" in await planned.story(lead.lead_id)
    # Who asks again is another matter, but for one who withdrew: that is answered, and no more.
    await planned.happens(activity(lead.lead_id))
    await planned.hear(lead.again())
    withdrew = name is ActivityName.UNSUBSCRIBED
    assert await told(planned) == ([] if withdrew else [("call", 1, "ben")])


async def test_a_closed_lead_and_one_with_an_old_address_are_told_of_no_more(
    planned: Desk,
) -> None:
    closed, stale = Warm(), LeadLife(TierName.WARM)
    await planned.hear(closed.given("ana"), stale.given("ana"))
    await planned.hear(closed.over(AssignmentStatus.CLOSED))
    assert await told(planned) == []
    assert "not_enrolled" in await planned.story(stale.lead_id)


async def test_the_end_of_a_plan_is_told_once_where_a_touch_was_told(planned: Desk) -> None:
    begun, early, gone = Warm(), Warm(), Warm()
    await planned.hear(begun.given("ana"), gone.given("ben"))
    assert len(await told(planned)) == 2
    await planned.hear(early.given("ana"))
    for lead in (begun, early):
        await planned.happens(activity(lead.lead_id, ActivityName.EMAIL_REPLIED))
    await planned.hear(gone.over(AssignmentStatus.CLOSED))
    before = len(planned.published)
    assert await planned.touring.tell_ends() == 2
    assert await planned.touring.tell_ends() == 0
    ends = {one.lead_id: one for one in map(_touch, planned.published[before:])}
    assert {key: one.ended for key, one in ends.items()} == {
        begun.lead_id: "the person replied",
        gone.lead_id: "closed",
    }
    assert ends[begun.lead_id].plan == "warm-plan"


def _touch(out: Output) -> TouchDue:
    return TouchDue.read(out.value)


async def test_a_plan_whose_mail_bounces_waits_for_a_person(planned: Desk) -> None:
    leads = [Warm() for _ in range(10)]
    await planned.hear(*(lead.given("ana") for lead in leads))
    assert len(await told(planned)) == 10
    await planned.happens(
        *(activity(one.lead_id, ActivityName.EMAIL_SENT, actor=Actor.AUTOMATION) for one in leads)
    )
    await planned.happens(activity(leads[0].lead_id, ActivityName.EMAIL_BOUNCED))
    await planned.later(days=3)
    assert await told(planned) == []
    assert planned.sample("handraise_cadence_paused", plan="warm-plan") == 1
    async with planned.pool.acquire() as connection:
        (plan,) = await cadences.plans(connection)
        assert (plan["sent"], plan["bounced"], plan["running"]) == (10, 1, 10)
        assert await cadences.resume(connection, "warm-plan", "maya")
        assert not await cadences.resume(connection, "warm-plan", "maya")
    assert len(await told(planned)) == 10
