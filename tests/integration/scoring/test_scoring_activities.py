"""What people do besides submitting: found, counted once, and told to routing once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic_core import from_json, to_json

from schemas.assignment import AssignmentChanged
from schemas.base import KindName, Lane, TierName
from services.kernel.fields import ACTIVITIES
from services.kernel.identity import lead_id, normalise_email
from services.routing.fields import RoutingCondition, Standing, recorded
from tests.integration.scoring.desk import AT, SECRET, VP, Desk, done, enriched_lead, record
from tests.support.examples import good

NEWSLETTER = {"kind": KindName.NEWSLETTER}


async def known(desk: Desk, **fields: object) -> UUID:
    """A lead of a VP who subscribed: nurture, and a little is missing."""
    (scored,) = await desk.take(enriched_lead(VP, **NEWSLETTER, **fields))  # type: ignore[arg-type]
    assert scored.tier is TierName.NURTURE
    return scored.lead.lead_id


async def test_a_lead_that_crosses_the_threshold_goes_to_routing_once(desk: Desk) -> None:
    lead = await known(desk)
    views = [done("page_view", n, lead_id=lead, page_kind="pricing") for n in range(1, 4)]
    assert await desk.happen(*views) == [], "nobody waits for what follows from a page view"
    (told,) = await desk.settle()
    assert (told.tier, told.lane, told.submission_id, told.late) == (
        TierName.WARM, Lane.BULK, None, True
    )  # fmt: skip
    assert told.score_revision == 2
    assert told.recent[0].page_kind == "pricing"
    assert sum(line.points for line in told.ledger) == told.score.total
    await desk.happen(done("page_view", 5, lead_id=lead, page_kind="pricing"))
    assert await desk.settle() == [], "warm already"
    (later,) = await desk.take(
        enriched_lead(VP, lead_id=lead, revision=2, minutes=9, kind=KindName.OTHER)
    )
    assert later.score_revision > told.score_revision
    assert later.score.intent >= told.score.intent, "the visits count for the next submission too"


async def test_a_lead_that_cannot_be_scored_keeps_no_other_from_it(desk: Desk) -> None:
    broken, other = await known(desk), await known(desk, email="eva@acme.example")
    pricing = {"page_kind": "pricing"}
    for lead in (broken, other):
        await desk.happen(*[done("page_view", n, lead_id=lead, **pricing) for n in (1, 2, 3)])
    before = await desk.pool.fetchval(
        "update scoring.leads l set latest = 'no event' from scoring.leads o"
        " where l.lead_id = $1 and o.lead_id = l.lead_id returning o.latest",
        broken,
    )
    assert [told.lead.lead_id for told in await desk.settle()] == [other]
    assert len(await desk.scores(broken)) == 1
    await desk.pool.execute(
        "update scoring.leads set latest = $2 where lead_id = $1", broken, before
    )
    assert [told.lead.lead_id for told in await desk.settle()] == [broken], "it was only put off"


async def test_a_lead_that_drops_is_not_taken_away_and_does_not_cross_again(desk: Desk) -> None:
    lead = await known(desk)
    await desk.happen(*[done("page_view", n, lead_id=lead, page_kind="pricing") for n in (1, 2, 3)])
    assert len(await desk.settle()) == 1
    assert await desk.happen(done("unsubscribed", 10, lead_id=lead)) == []
    assert (await desk.scores(lead))[-1]["tier"] == "nurture"
    (replied,) = await desk.happen(done("meeting_booked", 20, lead_id=lead),
                                   done("email_replied", 21, lead_id=lead),
                                   done("email_replied", 22, lead_id=lead))  # fmt: skip
    assert replied.tier is TierName.HOT


async def test_a_reply_is_scored_at_once_on_the_live_lane(desk: Desk) -> None:
    lead = await known(desk)
    activity = uuid4()
    (told,) = await desk.happen(done("email_replied", 1, lead_id=lead), ids=activity)
    assert (told.lane, told.tier, told.causation_id) == (Lane.LIVE, TierName.WARM, activity)
    assert told.received_at == AT + timedelta(minutes=1)


async def test_anonymous_visits_join_when_the_person_identifies(desk: Desk) -> None:
    visits = [done("page_view", n, visitor_id="v-1", page_kind="pricing") for n in range(3)]
    await desk.happen(*visits, done("page_view", 1, visitor_id="v-2", page_kind="pricing"))
    (scored,) = await desk.take(enriched_lead(VP, minutes=9, visitor="v-1", **NEWSLETTER))
    assert scored.tier is TierName.WARM
    assert len(scored.recent) == 3
    await desk.happen(done("page_view", 10, visitor_id="v-1", page_kind="docs"))
    await desk.settle()
    assert (await desk.scores(scored.lead.lead_id))[-1]["intent"] > scored.score.intent


async def test_a_browser_links_visits_and_never_two_people(desk: Desk) -> None:
    await desk.happen(done("page_view", visitor_id="v", page_kind="pricing"))
    first, second = await desk.take(
        enriched_lead(VP, minutes=1, visitor="v", email="a@acme.example", **NEWSLETTER),
        enriched_lead(VP, minutes=2, visitor="v", email="b@acme.example", **NEWSLETTER),
    )
    await desk.happen(done("page_view", 3, visitor_id="v", page_kind="pricing"))
    await desk.settle()
    (one,), (_, two) = await desk.scores(first.lead.lead_id), await desk.scores(second.lead.lead_id)
    assert first.score.intent > second.score.intent, "the earlier visit was the first one's"
    assert (one["intent"], two["intent"]) == (first.score.intent, first.score.intent)


@pytest.mark.parametrize("tool", ["e-mail", "phone", "lead"])
async def test_what_a_tool_tells_of_somebody_unknown_waits_for_them(desk: Desk, tool: str) -> None:
    email = normalise_email("dana@acme.example")
    lead = lead_id(SECRET, email, None, "", None)
    hint = {
        "e-mail": {"email": "Dana@ACME.example"},
        "phone": {"phone": "+49 30 901820"},
        "lead": {"lead_id": lead},
    }[tool]
    await desk.happen(done("email_replied", **hint, source="crm", external_id="1"))
    (waiting,) = await desk.pool.fetch("select * from scoring.unmatched")
    assert (waiting["given_up"], waiting["anonymous"]) == (False, False)
    event = enriched_lead(
        VP, lead_id=lead, minutes=1, email="dana@acme.example", phone="+4930901820", **NEWSLETTER
    )
    (scored,) = await desk.take(event)
    assert "reply" in {line.rule for line in scored.ledger}
    assert await desk.pool.fetch("select * from scoring.unmatched") == []


async def test_after_a_day_it_is_kept_and_no_longer_waits(desk: Desk) -> None:
    await desk.happen(done("email_replied", email="dana@acme.example"))
    await desk.pool.execute("update scoring.activities set waits_until = now() - interval '1s'")
    (scored,) = await desk.take(enriched_lead(VP, email="dana@acme.example", **NEWSLETTER))
    assert scored.recent == ()
    (kept,) = await desk.pool.fetch("select * from scoring.unmatched")
    assert kept["given_up"]


async def test_a_phone_that_two_people_gave_names_nobody(desk: Desk) -> None:
    people = [enriched_lead(VP, phone="+4930901820", **NEWSLETTER) for _ in range(2)]
    await desk.take(*people)
    assert await desk.happen(done("email_replied", phone="+4930901820")) == []
    assert len(await desk.pool.fetch("select * from scoring.unmatched")) == 1


async def test_an_assignment_names_its_lead_whichever_is_heard_of_first(desk: Desk) -> None:
    lead = await known(desk)
    example = AssignmentChanged.read(good("assignment.changed.v1", "assigned"))
    changed = example.model_copy(update={"lead_id": lead})
    hint = {"assignment_id": changed.assignment_id}
    await desk.happen(done("email_replied", 1, **hint))
    await desk.assignments.handle([record(changed)])
    (told,) = await desk.settle()
    assert told.lead.lead_id == lead
    (booked,) = await desk.happen(done("meeting_booked", 2, **hint),
                                  done("email_replied", 2, **hint))  # fmt: skip
    assert booked.tier is TierName.HOT


async def test_what_came_at_the_same_moment_as_its_person_is_found(desk: Desk) -> None:
    """However long ago it was received: after an outage both come at once, and late."""
    lead = await known(desk, email="dana@acme.example")
    await desk.happen(done("email_replied", email="somebody@acme.example"))
    apart = "update scoring.activities set lead_id = null, waits_for = $1"
    await desk.pool.execute(apart, lead)
    await desk.rescorer.missed()
    await desk.settle()
    assert "reply" in str((await desk.scores(lead))[-1]["ledger"])


async def test_a_company_stands_for_everybody_there(desk: Desk) -> None:
    one, other = await known(desk), await known(desk)
    await known(desk, account="other.example")
    await desk.happen(done("meeting_booked", 1, domain="www.acme.example"))
    assert {told.lead.lead_id for told in await desk.settle()} == {one, other}


async def test_a_repeat_counts_once(desk: Desk) -> None:
    lead = await known(desk)
    named = {"lead_id": lead, "source": "crm", "external_id": "7"}
    (first,) = await desk.happen(done("email_replied", 1, **named))
    assert await desk.happen(done("email_replied", 2, **named)) == []
    same = uuid4()
    for _ in range(2):
        await desk.happen(done("email_replied", 3, lead_id=lead), ids=same)
    assert len(await desk.pool.fetch("select 1 from scoring.activities")) == 2
    assert (await desk.scores(lead))[-1]["intent"] == first.score.intent + 40_00


async def test_a_page_has_the_kind_of_its_address_and_rules_of_routing_may_count_it(
    desk: Desk,
) -> None:
    lead = uuid4()
    await desk.take(enriched_lead(VP, lead_id=lead, kind=KindName.NEWSLETTER))
    url = "https://www.example.com/pricing?utm=x"
    for minutes in range(3):
        await desk.happen(done("page_view", minutes, lead_id=lead, page_url=url))
    await desk.happen(done("page_view", 4, lead_id=lead, page_url=url, page_kind="offer"))
    await desk.settle()
    (scored,) = await desk.take(enriched_lead(VP, lead_id=lead, minutes=9, revision=2))
    assert scored.happened is not None
    assert [one.page_kind for one in scored.happened] == ["offer", *["pricing"] * 3]
    earned = {line.rule for line in scored.ledger}
    assert "pricing_page" in earned
    facts = Standing.of(scored, None).at(AT + timedelta(hours=1))
    seen = RoutingCondition(
        {"activities": {"page_kind": "pricing", "within": "7d", "count": {"gte": 3}}}
    )
    assert seen(facts) is True
    assert seen(from_json(to_json(recorded(facts)))) is True
    assert seen(Standing.of(scored, None).at(AT + timedelta(days=8))) is False
    assert "example.com" not in to_json(recorded(facts)[ACTIVITIES]).decode()
