"""What an answer, a deadline and the end of all questions do to a lead that waits."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from schemas.base import Provenance
from services.enrichment.config import EnrichmentConfig, EnrichmentFile, resolve
from services.enrichment.revise import LeadState, touched, unknown
from services.enrichment.settle import Job, Settled, settle
from tests.integration.enrichment.flow import AT, captured_lead

_PROVIDERS = {"firm": {"url": "https://a.example/{domain}", "answer": {"headcount": "/h"}}}
CONFIG: EnrichmentConfig = resolve(
    EnrichmentFile.model_validate(
        {"fields": {"headcount": {"waterfall": ["firm"]}}, "providers": _PROVIDERS}
    )
)
VALUES = {"headcount": Provenance(value=640, source="provider:firm", at=AT)}
_INPUT = UUID(int=1)


def _job() -> tuple[Job, LeadState]:
    event = captured_lead()
    state = touched(unknown(event.lead.lead_id), event, _INPUT)
    return Job(_INPUT, event, None), state


def _settle(
    *, published: bool, values: dict[str, Provenance], over: bool = False, last: bool = False
) -> Settled:
    job, state = _job()
    known = replace(state, revision=int(published))
    return settle(
        CONFIG,
        {job.lead_id: known},
        [(job, published)],
        values,
        at=AT,
        over=over,
        last=last,
    )


@pytest.mark.parametrize(
    ("published", "answered", "over", "last", "outcome"),
    [
        # outcome: (late, complete) of the revision, or None; and what becomes of the job
        (False, False, False, False, (None, "waits")),
        (False, True, False, False, ((False, True), "done")),
        (False, False, True, False, ((False, False), "published")),
        (False, False, False, True, ((False, False), "done")),
        (False, True, True, False, ((False, True), "done")),
        (True, True, False, False, ((True, True), "done")),
        (True, False, False, True, (None, "done")),
        (True, False, True, False, (None, "waits")),
    ],
)
def test_each_case(
    published: bool,
    answered: bool,
    over: bool,
    last: bool,
    outcome: tuple[tuple[bool, bool] | None, str],
) -> None:
    found = _settle(published=published, values=VALUES if answered else {}, over=over, last=last)
    revisions = [(r.event.late, r.event.complete) for _, r in found.revisions]
    became = "done" if found.done else "published" if found.published else "waits"
    assert (revisions, became) == ([] if outcome[0] is None else [outcome[0]], outcome[1])


def test_revisions_of_two_touches_of_one_lead_follow_each_other() -> None:
    job, state = _job()
    second = Job(UUID(int=2), job.event, None)
    found = settle(
        CONFIG, {job.lead_id: state}, [(job, False), (second, False)], {}, at=AT, over=True,
        last=False,
    )  # fmt: skip
    assert [r.event.lead_revision for _, r in found.revisions] == [1, 2]
    assert found.states[job.lead_id].revision == 2


def test_the_revision_after_the_deadline_has_the_id_of_the_stage_and_a_late_one_its_own() -> None:
    in_time = _settle(published=False, values=VALUES).revisions[0][1]
    at_deadline = _settle(published=False, values={}, over=True).revisions[0][1]
    late = _settle(published=True, values=VALUES).revisions[0][1]
    assert in_time.event_id != late.event_id
    assert at_deadline.event.causation_id == late.event.causation_id == _INPUT
