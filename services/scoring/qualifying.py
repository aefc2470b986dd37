"""How far a lead is qualified, by the shared definition. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from schemas.activity import ActivityName
from schemas.base import KindName
from schemas.qualification import (
    Answer,
    Criterion,
    CriterionName,
    CriterionState,
    Disqualified,
    Qualification,
)
from schemas.score import Dimension, LedgerLine
from services.kernel.conditions import Facts
from services.kernel.facts import ANSWER
from services.scoring.happened import Around, Happened
from services.scoring.model import Scored, Touch
from services.scoring.qualification import CriterionRule, QualificationFile, Recycle, Sql

GROUP = "qualification"
REP, RULE = "rep", "rule"
_SHOWN = 200
"""Characters of an answer that travel with a score."""
_WORTH_IT = frozenset({ActivityName.QUALIFIED, ActivityName.OPPORTUNITY_CREATED, ActivityName.WON})
"""Whoever says one of these later takes the disqualification back."""


def qualify(
    file: QualificationFile,
    facts: Facts,
    scored: Scored,
    around: Around,
    disqualified: Disqualified | None,
) -> Qualification | None:
    """What is known by the definition; None where there is none.

    :param facts: of the moment for which the score holds, with what happened until then.
    """
    if not file.criteria and disqualified is None:
        return None
    asked = {**facts, **_of_score(scored)}
    told = _told(around.activities) if around.activities else {}
    criteria = tuple(
        _criterion(name, rule, asked, told.get(name)) for name, rule in file.criteria.items()
    )
    missing = tuple(_missing(file.sql, criteria, scored.mql)) if file.sql else ()
    return Qualification(
        criteria=criteria,
        sql=file.sql is not None and not missing and disqualified is None,
        missing=missing,
        disqualified=disqualified,
    )


def disqualified(
    file: QualificationFile,
    touches: Iterable[Touch],
    around: Around,
    hot: Collection[KindName],
    now: datetime,
) -> Disqualified | None:
    """Whether sales said no and nothing has brought the lead back until ``now``.

    :param hot: kinds that always bring it back: whoever asks for a conversation is not turned away.
    """
    if not file.disqualify:
        return None
    verdicts = [
        one
        for one in around.activities
        if one.activity is ActivityName.DISQUALIFIED or one.activity in _WORTH_IT
    ]
    last = max(verdicts, key=_when, default=None)
    if last is None or last.activity is not ActivityName.DISQUALIFIED:
        return None
    reason = file.reason(last.reason)
    recycle = reason.recycle if reason else Recycle()
    returns = last.at + recycle.after if recycle.after is not None else None
    if (returns is not None and now >= returns) or _back(recycle, touches, around, hot, last.at):
        return None
    named = reason.id if reason else (last.reason or "").strip()[:100] or "unknown"
    return Disqualified(reason=named, listed=reason is not None, at=last.at, returns_at=returns)


def line(out: Disqualified) -> LedgerLine:
    """Says in the ledger why the lead stays in nurture."""
    return LedgerLine(
        rule=f"disqualified:{out.reason}",
        dimension=Dimension.FIT,
        group=GROUP,
        points=0,
        expires_at=out.returns_at,
    )


def _of_score(scored: Scored) -> dict[str, object]:
    return {
        "score.fit": scored.score.fit / 100,
        "score.intent": scored.score.intent / 100,
        "score.total": scored.score.total / 100,
        "tier": scored.tier.value,
        "mql": scored.mql,
    }


def _told(activities: Sequence[Happened]) -> dict[CriterionName, Answer]:
    """Of each criterion what a rep reported last."""
    told: dict[CriterionName, Answer] = {}
    for one in sorted((one for one in activities if one.answers), key=_when):
        for name in CriterionName:
            answer = getattr(one.answers, name.value)
            if answer is not None:
                told[name] = answer
    return told


def _criterion(
    name: CriterionName, rule: CriterionRule, facts: Facts, told: Answer | None
) -> Criterion:
    said, source = _answer(rule, facts, told)
    shown = rule.shown_by is not None and rule.shown_by(facts) is True
    state = _state(rule, facts, told, said, shown=shown)
    answer = said[:_SHOWN] if said else None
    return _made(name, state, rule.ask, answer, source or (RULE if shown else None))


def _answer(
    rule: CriterionRule, facts: Facts, told: Answer | None
) -> tuple[str | None, str | None]:
    """What was answered, and who answered it."""
    if told is not None:
        return told.said or None, REP
    for name in rule.known_by:
        value = facts.get(name)
        if value is not None:
            return ", ".join(map(str, value)) if isinstance(value, list) else str(value), name
    return None, None


def _state(
    rule: CriterionRule,
    facts: Facts,
    told: Answer | None,
    said: str | None,
    *,
    shown: bool,
) -> CriterionState:
    if told is not None and told.met is not None:
        return CriterionState.MET if told.met else CriterionState.UNMET
    if shown:
        return CriterionState.MET
    if said is None:
        return CriterionState.OPEN
    if rule.met is None:
        return CriterionState.MET
    match rule.met({**facts, ANSWER: said}):
        case True:
            return CriterionState.MET
        case False:
            return CriterionState.UNMET
        case None:
            return CriterionState.OPEN


@lru_cache(maxsize=4096)
def _made(
    name: CriterionName, state: CriterionState, ask: str, answer: str | None, source: str | None
) -> Criterion:
    """Many leads share what is open and what few answers there are, so those are made once."""
    return Criterion(criterion=name, state=state, ask=ask, answer=answer, source=source)


def _missing(sql: Sql, criteria: Sequence[Criterion], mql: bool) -> Iterator[str]:
    """What keeps the lead from being sales-qualified."""
    states = {one.criterion: one.state for one in criteria}
    short = sum(one is CriterionState.MET for one in states.values()) < sql.at_least
    if sql.mql and not mql:
        yield "mql"
    for name, state in states.items():
        unmet = state is not CriterionState.MET and (name in sql.met or short)
        if unmet or (name in sql.answered and state is CriterionState.OPEN):
            yield name.value


def _back(
    recycle: Recycle,
    touches: Iterable[Touch],
    around: Around,
    hot: Collection[KindName],
    since: datetime,
) -> bool:
    """Whether something brought the lead back after it was disqualified."""
    return (
        any(one.at > since and (one.kind in recycle.kinds or one.kind in hot) for one in touches)
        or any(one.at > since and one.activity in recycle.activities for one in around.activities)
        or any(one.at > since and one.signal in recycle.signals for one in around.signals)
    )


def _when(one: Happened) -> tuple[datetime, str]:
    return one.at, str(one.event)
