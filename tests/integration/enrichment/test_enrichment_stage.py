"""Revisions of a lead: one per submission, upwards only, the same picture in any order."""

from __future__ import annotations

import asyncio
import itertools
from uuid import uuid4

import asyncpg
import pytest

from schemas.lead import Repeat
from tests.integration.enrichment.flow import Flow, captured_lead, record


async def test_a_lead_is_published_at_once_when_nothing_is_wanted(flow: Flow) -> None:
    event = captured_lead({"job_title": "VP Sales", "phone": "+4930123456"})
    (found,) = await flow.take(event)
    assert found.submission_id == event.submission_id
    assert found.causation_id == record(event).id
    assert (found.lead_revision, found.complete, found.late) == (1, True, False)
    assert found.facts["seniority"].value == "vp"
    assert found.facts["country"].source == "derived:phone"


async def test_a_redelivery_gives_the_same_bytes_and_no_second_revision(flow: Flow) -> None:
    event = captured_lead()
    first = await flow.enricher.handle([record(event)])
    again = await flow.enricher.handle([record(event)])
    assert [(o.key, o.value, o.headers) for o in first] == [
        (o.key, o.value, o.headers) for o in again
    ]
    count = await flow.pool.fetchval("select count(*) from enrichment.revisions")
    assert count == 1


async def test_touches_of_one_person_in_one_batch_are_merged_in_turn(flow: Flow) -> None:
    lead = uuid4()
    found = await flow.take(
        captured_lead({"company": "Acme"}, lead_id=lead),
        captured_lead({"job_title": "CEO"}, lead_id=lead, minutes=5, repeat=Repeat.RETURNING),
    )
    assert [event.lead_revision for event in found] == [1, 2]
    assert found[1].lead.company == "Acme"
    assert found[1].facts["seniority"].value == "c_suite"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_last_revision_shows_the_same_person_in_any_order(
    flow: Flow, order: tuple[int, ...]
) -> None:
    lead = uuid4()
    touches = [
        captured_lead({"company": "Old", "phone": "+4930123456"}, lead_id=lead, minutes=0),
        captured_lead({"company": "New"}, lead_id=lead, minutes=10),
        captured_lead({"job_title": "CEO"}, lead_id=lead, minutes=5),
    ]
    revisions = []
    for index in order:
        (found,) = await flow.take(touches[index])
        revisions.append(found)
    assert [event.lead_revision for event in revisions] == [1, 2, 3]
    last = revisions[-1].lead
    assert (last.company, last.phone, last.job_title) == ("New", "+4930123456", "CEO")


async def test_two_processes_never_give_the_same_revision(pool: asyncpg.Pool) -> None:
    lead = uuid4()
    one, two = Flow(pool), Flow(pool)
    touches = [captured_lead({"company": f"c{n}"}, lead_id=lead, minutes=n) for n in range(10)]
    found = await asyncio.gather(
        *((one, two)[n % 2].take(touch) for n, touch in enumerate(touches))
    )
    assert sorted(event.lead_revision for (event,) in found) == list(range(1, 11))
    (highest,) = max(found, key=lambda events: events[0].lead_revision)
    assert highest.lead.company == "c9"


async def test_the_story_tells_each_revision(flow: Flow) -> None:
    event = captured_lead({"job_title": "CEO"})
    await flow.take(event)
    row = await flow.pool.fetchrow("select * from enrichment.story")
    assert row["lead_id"] == event.lead.lead_id
    assert row["submission_id"] == event.submission_id
    assert row["facts"]["seniority"]["value"] == "c_suite"
    assert row["missing"] == []
