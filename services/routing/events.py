"""From a change to the records that tell of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic_core import to_json

from schemas.assignment import AssignmentChanged, AssignmentStatus, LeadBlock, Rep
from schemas.base import Lane, TierName, deterministic_id, event_id
from schemas.qualification import CriterionState, OpenQuestion
from schemas.score import LeadScored
from schemas.topics import ASSIGNMENTS, ASSIGNMENTS_CURRENT
from services.kernel.vocabulary import EmailStatus
from services.routing.model import Change
from services.routing.plan import Plan
from services.runtime.records import Output, output

SERVICE = "routing"
LEAD_BYTES = 16 * 1024
"""Most that the ``lead`` block may take as JSON."""
CUT = " … [cut]"
_FIELD_BYTES = 800
_REASONS = 3


@dataclass(frozen=True, slots=True)
class Tag:
    """What the metrics want to know of a fresh decision once it is acknowledged."""

    source: str
    lane: Lane
    tier: TierName
    received_at: datetime
    end: str | None
    waited: timedelta | None


def outputs(
    plan: Plan,
    changes: Sequence[Change],
    *,
    cause: UUID | None,
    stage: str,
    traceparent: str | None = None,
) -> list[Output]:
    """Each change twice, with the same bytes: for those who follow, and as the lead's latest.

    :param cause: id of the record that brought the changes about; None for HTTP and timers.
    """
    return [
        made
        for ordinal, change in enumerate(changes)
        for made in _both(plan, change, _id(change, cause, stage, ordinal), cause, traceparent)
    ]


def _both(
    plan: Plan, change: Change, id_: UUID, cause: UUID | None, traceparent: str | None
) -> Iterable[Output]:
    attempt = change.attempt

    def told(event: AssignmentChanged) -> Output:
        return output(
            ASSIGNMENTS,
            attempt.account_key,
            event,
            event_id=id_,
            service=SERVICE,
            at=change.at,
            traceparent=traceparent,
            tag=_tag(change),
        )

    event = assignment_changed(plan, change, cause)
    followed = told(event)
    if followed.size > LEAD_BYTES:  # only then may the part about the lead be too long
        followed = told(event.model_copy(update={"lead": cut(event.lead)}))
    key = str(attempt.lead_id).encode()
    return followed, Output(ASSIGNMENTS_CURRENT.name, key, followed.value, followed.headers)


def assignment_changed(plan: Plan, change: Change, cause: UUID | None) -> AssignmentChanged:
    """The event of a change."""
    attempt, origin, scored = change.attempt, change.origin, change.scored
    return AssignmentChanged(
        submission_id=origin.submission_id,
        causation_id=cause or origin.causation_id,
        received_at=origin.received_at,
        lane=origin.lane,
        motion=origin.motion,
        channel=origin.channel,
        assignment_id=attempt.assignment_id,
        lead_id=attempt.lead_id,
        account_key=attempt.account_key,
        role=attempt.role,
        cycle=attempt.cycle,
        attempt=attempt.attempt,
        sequence=change.sequence,
        status=change.status,
        rep=_rep(plan, attempt.rep_id),
        pool=attempt.pool,
        reason=change.reason,
        rule_path=attempt.rule_path,
        config_version=change.config_version,
        tier=attempt.tier,
        score=scored.score,
        kind=origin.kind,
        source=origin.source,
        held_until=attempt.held_until if change.status is AssignmentStatus.HELD else None,
        previous_rep_id=attempt.previous_rep_id,
        experiments=dict(attempt.experiments),
        offered_until=attempt.offered_until if change.status is AssignmentStatus.HELD else None,
        diverted=attempt.diverted if change.status is AssignmentStatus.CLOSED else None,
        decided_at=change.at,
        lead=lead_block(scored),
        merged_into=change.merged_into,
    )


def lead_block(scored: LeadScored) -> LeadBlock:
    """What the rep needs to act, however long."""
    lead = scored.lead
    return LeadBlock(
        email=lead.email,
        first_name=lead.first_name,
        last_name=lead.last_name,
        company=lead.company,
        job_title=lead.job_title,
        phone=lead.phone,
        country=lead.country,
        message=lead.message,
        form_id=lead.form_id,
        page_url=lead.page_url,
        crm_url=lead.crm_url,
        external_id=lead.external_id,
        facts={name: _text(known.value) for name, known in scored.facts.items()},
        email_verified_at=_verified(scored),
        role_confirmed_at=_confirmed(scored),
        consent=lead.consent,
        score_reasons=_strongest(scored),
        touch=scored.touch,
        questions=_questions(scored),
        sql=scored.qualification.sql if scored.qualification else None,
    )


def cut(block: LeadBlock) -> LeadBlock:
    """What the rep needs to act, cut to :data:`LEAD_BYTES` from its longest texts on."""
    excess = len(block.encode()) - LEAD_BYTES
    if excess <= 0:
        return block
    if block.message is not None:
        block = block.model_copy(update={"message": _shortened(block.message, excess)})
        if len(block.encode()) <= LEAD_BYTES:
            return block
    # A message alone was not it: somebody filled every field. Each keeps its beginning.
    short = {name: _clipped(value) for name, value in block if isinstance(value, str)}
    kept: dict[str, str] = {}
    for name, value in block.facts.items():
        more = {**kept, name: _clipped(value)}
        if len(to_json(more)) > LEAD_BYTES // 4:
            break
        kept = more
    told = {"questions": block.questions, "sql": block.sql}
    return LeadBlock.model_validate({**short, **told, "facts": kept})


def _shortened(message: str, excess: int) -> str:
    """Cut by at least ``excess`` bytes of JSON."""
    target = max(0, len(to_json(message)) - excess - len(to_json(CUT)))
    low, high = 0, len(message)
    while low < high:  # escapes make a character's size uneven, so the cut is searched for
        middle = (low + high + 1) // 2
        if len(to_json(message[:middle])) <= target:
            low = middle
        else:
            high = middle - 1
    return message[:low] + CUT


def _clipped(text: str) -> str:
    if len(to_json(text)) <= _FIELD_BYTES:
        return text
    return _shortened(text, len(to_json(text)) - _FIELD_BYTES)


def _questions(scored: LeadScored) -> tuple[OpenQuestion, ...]:
    criteria = scored.qualification.criteria if scored.qualification else ()
    return tuple(
        OpenQuestion(about=one.criterion, ask=one.ask)
        for one in criteria
        if one.state is CriterionState.OPEN
    )


def _verified(scored: LeadScored) -> datetime | None:
    """Only a verifier's word counts, not the form's."""
    status = scored.facts.get("email_status")
    return status.at if status is not None and status.value == EmailStatus.VALID.value else None


def _confirmed(scored: LeadScored) -> datetime | None:
    """When a provider confirmed the job, else when the person wrote it into a form."""
    known = scored.facts.get("role_confirmed_at")
    if known is not None:
        with suppress(ValueError):
            found = datetime.fromisoformat(str(known.value))
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return scored.received_at if scored.lead.job_title else None


def _strongest(scored: LeadScored) -> tuple[str, ...]:
    """The rules with the most points; those that took points away are no reason to call."""
    earned: dict[str, int] = {}
    for line in scored.ledger:
        earned[line.rule] = earned.get(line.rule, 0) + line.points
    best = sorted((rule for rule, points in earned.items() if points > 0), key=earned.__getitem__)
    return tuple(reversed(best[-_REASONS:]))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _rep(plan: Plan, rep_id: str | None) -> Rep | None:
    if rep_id is None:
        return None
    rep = plan.rep(rep_id)
    if rep is None:  # left, and no longer configured
        return Rep(id=rep_id, name=rep_id, email="")
    return Rep(id=rep.id, name=rep.name, email=rep.email, external_ids=rep.external_ids)


def _id(change: Change, cause: UUID | None, stage: str, ordinal: int) -> UUID:
    if cause is None:
        return deterministic_id(change.attempt.assignment_id, change.sequence)
    return event_id(cause, stage, change.attempt.assignment_id, ordinal)


def _tag(change: Change) -> Tag | None:
    if change.end is None and change.waited is None:
        return None
    origin = change.origin
    return Tag(
        source=origin.source,
        lane=origin.lane,
        tier=change.attempt.tier,
        received_at=origin.received_at,
        end=change.end,
        waited=change.waited,
    )
