"""Scores of a lead: one per event, upwards only, and the same again from what is stored."""

from __future__ import annotations

import asyncio
import itertools
from uuid import UUID, uuid4

import asyncpg
import pytest

from schemas.base import KindName, TierName
from schemas.enrichment import LeadEnriched
from schemas.lead import Repeat
from schemas.score import LeadScored
from services.kernel.facts import facts_of
from services.scoring.model import Touch, score
from tests.integration.scoring.desk import MODEL, VP, Desk, enriched_lead, record


async def test_a_demo_request_of_a_vp_is_hot_and_says_why(desk: Desk) -> None:
    event = enriched_lead({**VP, "headcount": 600})
    (found,) = await desk.take(event)
    assert (found.tier, found.mql) == (TierName.HOT, True)
    assert found.submission_id == event.submission_id
    assert found.scoring_version == "abc123"
    assert sum(line.points for line in found.ledger) == found.score.total
    assert {"headcount_500", "seniority_executive", "demo_request"} <= {
        line.rule for line in found.ledger
    }
    (demo,) = [line for line in found.ledger if line.rule == "demo_request"]
    assert demo.event == event.causation_id


async def test_a_redelivery_gives_the_same_bytes_and_no_second_score(desk: Desk) -> None:
    incoming = record(enriched_lead(VP))
    first = await desk.scorer.handle([incoming])
    again = await desk.scorer.handle([incoming])
    assert [(o.key, o.value, o.headers) for o in first] == [
        (o.key, o.value, o.headers) for o in again
    ]


async def test_intent_adds_up_over_touches_and_a_double_submit_adds_nothing(desk: Desk) -> None:
    lead = uuid4()
    one, two, three = await desk.take(
        enriched_lead(lead_id=lead, kind=KindName.WEBINAR),
        enriched_lead(lead_id=lead, kind=KindName.WEBINAR, minutes=1, revision=2),
        enriched_lead(
            lead_id=lead,
            kind=KindName.WEBINAR,
            minutes=2,
            revision=3,
            repeat=Repeat.DOUBLE_SUBMIT,
        ),
    )
    assert [s.score.intent for s in (one, two, three)] == [30_00, 40_00, 40_00]
    assert [line.rule for line in two.ledger if line.rule.startswith("cap:")] == ["cap:content"]
    (later,) = await desk.take(
        enriched_lead(lead_id=lead, kind=KindName.NEWSLETTER, minutes=60, revision=4)
    )
    assert later.score.intent == 45_00
    assert later.score_revision == 4


async def test_a_late_revision_is_scored_without_counting_its_touch_again(desk: Desk) -> None:
    lead, submission, cause = uuid4(), uuid4(), uuid4()
    same = {"submission_id": submission, "causation_id": cause, "kind": KindName.WEBINAR}
    (first,) = await desk.take(enriched_lead(VP, lead_id=lead, **same))
    (late,) = await desk.take(
        enriched_lead({**VP, "headcount": 600}, lead_id=lead, revision=2, late=True, **same)
    )
    assert late.late
    assert late.score.intent == first.score.intent
    assert late.score.fit > first.score.fit


async def test_an_older_revision_that_comes_late_shows_the_newer_picture(desk: Desk) -> None:
    lead = uuid4()
    await desk.take(
        enriched_lead(VP, lead_id=lead, revision=2, minutes=5, company="New", kind="newsletter")
    )
    old = enriched_lead({"email_class": "free"}, lead_id=lead, revision=1, company="Old")
    (found,) = await desk.take(old)
    assert found.submission_id == old.submission_id
    assert found.kind is KindName.DEMO_REQUEST
    assert found.lead.company == "New"
    assert found.facts["seniority"].value == "vp"
    assert (found.lead_revision, found.score_revision) == (2, 2)
    assert found.tier is TierName.HOT


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_last_score_is_the_same_in_any_order(desk: Desk, order: tuple[int, ...]) -> None:
    lead = uuid4()
    ids = [UUID(int=n) for n in range(3)]
    kinds = (KindName.WEBINAR, KindName.NEWSLETTER, KindName.CONTENT_DOWNLOAD)
    events = [
        enriched_lead(
            {**VP, "headcount": 10 ** (n + 1)},
            lead_id=lead,
            revision=n + 1,
            minutes=n,
            kind=kind,
            causation_id=ids[n],
        )
        for n, kind in enumerate(kinds)
    ]
    found: list[LeadScored] = []
    for index in order:
        found += await desk.take(events[index])
    assert [one.score_revision for one in found] == [1, 2, 3]
    assert found[-1].score.model_dump() == {"fit": 90_00, "intent": 45_00, "total": 135_00}


async def test_two_processes_never_give_the_same_revision(pool: asyncpg.Pool) -> None:
    lead = uuid4()
    desks = (Desk(pool), Desk(pool))
    events = [
        enriched_lead(lead_id=lead, revision=n + 1, minutes=n, kind=KindName.CHAT)
        for n in range(10)
    ]
    found = await asyncio.gather(*(desks[n % 2].take(event) for n, event in enumerate(events)))
    assert sorted(one.score_revision for (one,) in found) == list(range(1, 11))
    (last,) = max(found, key=lambda scored: scored[0].score_revision)
    assert sum(line.rule == "conversation" for line in last.ledger) == 10


async def test_a_score_can_be_repeated_from_what_is_stored(desk: Desk) -> None:
    lead = uuid4()
    for n, kind in enumerate(("webinar", "chat", "newsletter", "demo_request")):
        await desk.take(
            enriched_lead(VP, lead_id=lead, revision=n + 1, minutes=n * 3000, kind=KindName(kind))
        )
    stored = await desk.pool.fetchrow("select latest from scoring.leads where lead_id = $1", lead)
    rows = await desk.pool.fetch("select * from scoring.touches where lead_id = $1", lead)
    last = await desk.pool.fetchrow(
        "select s.*, c.at from scoring.story s join scoring.scores c using (lead_id,"
        " score_revision) where lead_id = $1 order by score_revision desc limit 1",
        lead,
    )
    touches = [Touch(r["event_id"], KindName(r["kind"]), r["at"], r["received_at"]) for r in rows]
    facts = facts_of(LeadEnriched.read(stored["latest"]))
    again = score(MODEL, facts, touches, last["at"])
    assert (again.score.fit, again.score.intent) == (last["fit"], last["intent"])
    assert [line.model_dump(mode="json") for line in again.ledger] == last["ledger"]
