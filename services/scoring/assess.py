"""What one LeadEnriched does to what is known of its lead, and the LeadScored that follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.base import KindName, Lane, Motion, TierName
from schemas.enrichment import LeadEnriched
from schemas.lead import Repeat
from schemas.qualification import Disqualified
from schemas.score import LeadScored, LedgerLine
from services.kernel.conditions import Facts
from services.kernel.facts import as_of, facts_of
from services.scoring.happened import NOTHING, Around, countable
from services.scoring.happening import active_signals, counted_by_rules, recent
from services.scoring.model import Scored, Touch, score
from services.scoring.outbound import held
from services.scoring.qualifying import disqualified, qualify
from services.scoring.qualifying import line as qualifying_line
from services.scoring.rules import Rules

_CIRCUMSTANCES = ("form_id", "page_url", "referrer", "utm", "click_ids", "visitor_id")
"""Parts of a lead that describe the touch, not the person."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """A score to store and to publish."""

    event: LeadScored
    at: datetime
    """The moment for which it holds."""
    facts: Facts
    """From which it was made."""
    turn: str | None = None
    """The pool whose drip a prospect waits for."""


def touch_of(event: LeadEnriched, event_id: UUID) -> Touch | None:
    """The touch that an event tells of; None where it tells of none that is new.

    A late revision tells of what was known to happen, a double submit of an impatient finger.
    """
    if event.late or event.repeat is Repeat.DOUBLE_SUBMIT:
        return None
    at = min(event.submitted_at, event.received_at)
    return Touch(event.causation_id or event_id, KindName(event.kind), at, event.received_at)


def assess(
    rules: Rules,
    version: str,
    event: LeadEnriched,
    event_id: UUID,
    newest: LeadEnriched | None,
    touches: Iterable[Touch],
    score_revision: int,
    around: Around = NOTHING,
    *,
    released: bool = False,
) -> Assessed:
    """Score a lead with the newest that is known of it.

    :param newest: a later revision of the lead than ``event``, where one was seen before it.
    :param touches: all of the lead's, that of ``event`` included.
    :param around: what else happened.
    :param released: a prospect had its turn of the drip.
    """
    seen = event if newest is None else _older(event, newest)
    known = list(touches)
    return _assessed(rules, version, seen, event_id, known, score_revision, around, released)


def assess_again(
    rules: Rules,
    version: str,
    known: LeadEnriched,
    cause: UUID | None,
    touches: Iterable[Touch],
    score_revision: int,
    around: Around,
    lane: Lane,
    *,
    released: bool = False,
) -> Assessed:
    """Score a lead because something happened around it. Nothing was submitted, nobody is asked.

    :param known: the newest that is known of it.
    :param cause: the event that told of it, where there was one.
    """
    received = around.received_at or known.received_at
    again = known.model_copy(
        update={
            "submission_id": None,
            "received_at": max(received, known.received_at),
            "lane": lane,
            "late": True,
        }
    )
    seen = list(touches)
    return _assessed(rules, version, again, cause, seen, score_revision, around, released)


def _assessed(
    rules: Rules,
    version: str,
    seen: LeadEnriched,
    cause: UUID | None,
    touches: list[Touch],
    score_revision: int,
    around: Around,
    released: bool,
) -> Assessed:
    received = [touch.received_at for touch in touches]
    at = max([*received, seen.received_at, around.received_at or seen.received_at])
    facts = facts_of(seen)
    now = as_of(facts, at, countable(around.activities))
    scored = score(rules.scoring, facts, touches, at, around)
    out, line, pool = kept_back(rules, now, scored, touches, around, at, released=released)
    return Assessed(
        LeadScored(
            submission_id=seen.submission_id,
            causation_id=cause,
            received_at=seen.received_at,
            lane=seen.lane,
            motion=seen.motion,
            channel=seen.channel,
            source=seen.source,
            kind=seen.kind,
            lead=seen.lead,
            repeat=seen.repeat,
            touch=seen.touch,
            submitted_at=seen.submitted_at,
            lead_revision=seen.lead_revision,
            facts=seen.facts,
            late=seen.late,
            score_revision=score_revision,
            score=scored.score,
            tier=TierName.NURTURE if line else scored.tier,
            mql=scored.mql,
            ledger=(*scored.ledger, line) if line else scored.ledger,
            scoring_version=version,
            signals=active_signals(rules.scoring, around.signals, at),
            recent=recent(around),
            happened=counted_by_rules(around),
            qualification=qualify(rules.qualification, now, scored, around, out),
        ),
        at,
        facts,
        pool,
    )


def kept_back(
    rules: Rules,
    facts: Facts,
    scored: Scored,
    touches: Iterable[Touch],
    around: Around,
    at: datetime,
    *,
    released: bool,
) -> tuple[Disqualified | None, LedgerLine | None, str | None]:
    """Whether a lead stays in nurture whatever its points: sales said no, or a prospect waits.

    :returns: what sales said; the ledger line that says why; the pool whose turn it waits for.
    """
    hot = rules.scoring.hot.kinds
    out = disqualified(rules.qualification, touches, around, hot, at)
    if out is not None:
        return out, qualifying_line(out), None
    if facts["motion"] != Motion.OUTBOUND or rules.scoring.outbound is None:
        return None, None, None
    back = held(rules.scoring.outbound, facts, scored.tier, released=released)
    return None, back.line if back else None, back.pool if back else None


def _older(event: LeadEnriched, newest: LeadEnriched) -> LeadEnriched:
    """The touch of ``event`` on the person of ``newest``: an old picture never replaces a new."""
    circumstances = {name: getattr(event.lead, name) for name in _CIRCUMSTANCES}
    return event.model_copy(
        update={
            "lead": newest.lead.model_copy(update=circumstances),
            "facts": newest.facts,
            "lead_revision": newest.lead_revision,
            "complete": newest.complete,
        }
    )
