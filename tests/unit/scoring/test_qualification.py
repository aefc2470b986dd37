"""The shared definition of a qualified lead: what is known, what is asked, who comes back when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from schemas.activity import ActivityName, Actor
from schemas.base import KindName, TierName
from schemas.qualification import Answers, CriterionName, CriterionState, Qualification
from schemas.score import Score
from schemas.signal import SignalName
from services.kernel.facts import as_of
from services.runtime.configfile import ConfigError
from services.scoring.checking_qualification import findings
from services.scoring.happened import Around, Happened, Seen, countable
from services.scoring.model import Scored, Touch
from services.scoring.qualification import QualificationFile, parse
from services.scoring.qualifying import disqualified, qualify

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_TEXT = (Path(__file__).parents[3] / "deploy/config/qualification.yaml").read_text("utf-8")
FILE = parse({"qualification.yaml": _TEXT})
HOT = frozenset({KindName.DEMO_REQUEST})
ALL_MET = {
    "lead.message": "Leads wait for two days.",
    "lead.fields.timeline": "this quarter",
    "lead.fields.budget": "40,000 a year",
    "person.seniority": "vp",
    "company.headcount": 320,
}


def did(name: str, days: float = 0, **fields: Any) -> Happened:
    """An activity, so many days ago."""
    at = NOW - timedelta(days=days)
    return Happened(uuid4(), ActivityName(name), Actor.HUMAN, at, at, **fields)


def told(days: float = 0, **answers: Any) -> Happened:
    """What a rep reported after a call."""
    return did("call_connected", days, answers=Answers.model_validate(answers))


def judged(
    facts: dict[str, object],
    *activities: Happened,
    fit: int = 40,
    mql: bool = True,
    file: QualificationFile = FILE,
) -> Qualification:
    scored = Scored(Score(fit=fit * 100, intent=0, total=0), (), "", "", TierName.WARM, mql)
    around = Around(activities)
    out = disqualified(file, (), around, HOT, NOW)
    seen = as_of(facts, NOW, countable(activities))
    found = qualify(file, seen, scored, around, out)
    assert found is not None
    return found


def states(found: Qualification) -> dict[str, str]:
    return {one.criterion.value: one.state.value for one in found.criteria}


def test_who_answered_everything_well_is_sales_qualified() -> None:
    found = judged(ALL_MET)
    assert set(states(found).values()) == {"met"}
    assert (found.sql, found.missing) == (True, ())
    assert [one.source for one in found.criteria] == [
        "lead.message", "company.headcount", "lead.fields.timeline", "person.seniority",
        "lead.fields.budget",
    ]  # fmt: skip


def test_what_nobody_knows_is_open_and_asked() -> None:
    found = judged({})
    assert set(states(found).values()) == {"open"}
    assert [one.ask for one in found.criteria][:2] == [
        "What made you look for this now?",
        "How many people work in sales?",
    ]
    assert found.missing == ("problem", "fit", "timeline", "authority", "budget")
    assert not found.sql


@pytest.mark.parametrize(
    ("facts", "criterion", "state"),
    [
        ({"lead.fields.timeline": "No plan yet"}, "timeline", "unmet"),
        ({"person.seniority": "manager"}, "authority", "unmet"),
        ({"person.seniority": "manager", "lead.fields.role_in_purchase": "I decide"},
         "authority", "met"),
        ({"lead.fields.budget": "none so far"}, "budget", "unmet"),
    ],
)  # fmt: skip
def test_an_answer_may_speak_against_the_deal(
    facts: dict[str, object], criterion: str, state: str
) -> None:
    assert states(judged(facts))[criterion] == state


def test_fit_is_what_the_score_says() -> None:
    assert states(judged({"company.headcount": 320}, fit=10))["fit"] == "unmet"


def test_what_a_rep_heard_last_beats_the_form_and_the_rules() -> None:
    early = told(3, timeline={"said": "this month"}, authority={"said": "asks her boss", "met": 0})
    late = told(1, timeline={"said": "next year"})
    found = judged(ALL_MET, late, early)
    by_name = {one.criterion: one for one in found.criteria}
    timeline, authority = by_name[CriterionName.TIMELINE], by_name[CriterionName.AUTHORITY]
    assert (timeline.answer, timeline.source, timeline.state) == ("next year", "rep", "unmet")
    assert authority.state is CriterionState.UNMET


def test_an_activity_may_show_what_nobody_answered() -> None:
    found = judged({}, did("opportunity_created"))
    budget = next(one for one in found.criteria if one.criterion is CriterionName.BUDGET)
    assert (budget.state, budget.answer, budget.source) == (CriterionState.MET, None, "rule")


@pytest.mark.parametrize(
    ("lacks", "missing"),
    [
        ("lead.message", ("problem",)),
        ("lead.fields.timeline", ("timeline",)),
        ("lead.fields.budget", ()),
    ],
)
def test_four_of_five_do_where_the_needed_ones_are_among_them(
    lacks: str, missing: tuple[str, ...]
) -> None:
    found = judged({name: value for name, value in ALL_MET.items() if name != lacks})
    assert (found.missing, found.sql) == (missing, not missing)


def test_a_lead_that_is_not_marketing_qualified_is_not_sales_qualified() -> None:
    found = judged(ALL_MET, mql=False)
    assert (found.sql, found.missing) == (False, ("mql",))


def out(days: float, reason: str | None, *later: Happened, **around: Any) -> str | None:
    """Why a lead that was given up so many days ago is still out; None where it is back."""
    activities = (did("disqualified", days, reason=reason), *later)
    touches = around.pop("touches", ())
    found = disqualified(FILE, touches, Around(activities, **around), HOT, NOW)
    return found.reason if found else None


def touch(kind: str, days: float) -> Touch:
    at = NOW - timedelta(days=days)
    return Touch(uuid4(), KindName(kind), at, at)


@pytest.mark.parametrize(
    ("days", "reason", "still"),
    [
        (179, "no_budget", "no_budget"),
        (179, "No budget this year", "no_budget"),
        (179, "No Budget", "no_budget"),
        (180, "no_budget", None),
        (4_000, "no_fit", "no_fit"),
        (4_000, "they were rude", "they were rude"),
        (4_000, None, "unknown"),
    ],
)
def test_each_reason_has_its_date(days: float, reason: str | None, still: str | None) -> None:
    assert out(days, reason) == still


def test_what_happens_before_its_date_brings_a_lead_back() -> None:
    seen = Seen(uuid4(), SignalName.FUNDING, "newsdesk", 1.0, NOW, NOW)
    assert out(5, "no_budget", signals=(seen,)) is None
    assert out(5, "bad_timing", signals=(seen,)) == "bad_timing"
    assert out(5, "bad_timing", did("email_replied", 1)) is None
    assert out(5, "bad_timing", did("email_replied", 6)) == "bad_timing"
    assert out(5, "no_answer", touches=(touch("webinar", 1),)) is None
    assert out(5, "no_fit", touches=(touch("webinar", 1),)) == "no_fit"


def test_who_asks_for_a_conversation_is_never_turned_away() -> None:
    assert out(5, "no_fit", touches=(touch("demo_request", 1),)) is None
    assert out(5, "no_fit", touches=(touch("demo_request", 6),)) == "no_fit"


def test_a_later_yes_takes_the_no_back() -> None:
    assert out(5, "no_fit", did("qualified", 1)) is None
    assert out(5, "no_fit", did("qualified", 6)) == "no_fit"
    assert not judged(ALL_MET, did("disqualified", 1, reason="no_fit")).sql


def test_without_a_file_nothing_is_defined() -> None:
    scored = Scored(Score(fit=0, intent=0, total=0), (), "", "", TierName.WARM, False)
    assert qualify(parse({}), {}, scored, Around(), None) is None


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("lead.message]", "lead.mesage]", "no field 'lead.mesage'; did you mean lead.message"),
        ("[lead.fields.budget]", "[lead.field.budget]", "did you mean lead.fields.budget"),
        ("  budget:\n    ask", "  bugdet:\n    ask", "budget"),
        ("score.fit: {gte: 20}", "score.fitt: {gte: 20}", "did you mean score.fit"),
        ("met: [fit, problem]", "met: [fit, need]", "sql.met.1"),
        ("at_least: 4", "at_least: 6", "sql.at_least"),
        ("id: bad_timing", "id: no_budget", "disqualify.1.id: there are two reasons 'no_budget'"),
        ("after: 90d", "after: soon", "disqualify.1.recycle.after"),
        ("signals: [funding]", "signals: [fundings]", "disqualify.0.recycle.signals"),
        ("says: Never answered", "sais: Never answered", "did you mean says"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_line_and_path(good: str, bad: str, said: str) -> None:
    assert good in _TEXT
    text = _TEXT.replace(good, bad, 1)
    with pytest.raises(ConfigError) as caught:
        parse({"qualification.yaml": text})
    faults = [str(one) for one in caught.value.faults]
    assert any(said in one for one in faults), faults
    line = _TEXT[: _TEXT.index(good)].count("\n") + 1
    assert any(abs(one.line - line) <= 1 for one in caught.value.faults)


def test_what_makes_an_sql_is_among_what_is_asked() -> None:
    with pytest.raises(ConfigError, match="'budget' is not among the criteria"):
        parse({"qualification.yaml": "criteria: {fit: {ask: x}}\nsql: {met: [budget]}"})


def test_answers_that_cannot_be_are_found() -> None:
    text = "criteria: {fit: {ask: x, met: {mql: true, not: {mql: true}}}}"
    (found,) = findings(parse({"qualification.yaml": text}))
    assert found.path[:3] == ("criteria", "fit", "met")
    assert found.message.startswith("dead met of 'fit'")
    assert list(findings(FILE)) == []
