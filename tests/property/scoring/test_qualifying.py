"""Laws of the shared definition, over any history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.activity import ActivityName, Actor
from schemas.base import KindName, TierName
from schemas.qualification import Answer, Answers, CriterionState, Qualification
from schemas.score import Score
from services.kernel.facts import as_of
from services.scoring.happened import Around, Happened, countable
from services.scoring.model import Scored, Touch
from services.scoring.qualification import parse
from services.scoring.qualifying import disqualified, qualify

_TEXT = (Path(__file__).parents[3] / "deploy/config/qualification.yaml").read_text("utf-8")
FILE = parse({"qualification.yaml": _TEXT})
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOT = frozenset({KindName.DEMO_REQUEST})
NAMES = ["disqualified", "qualified", "email_replied", "call_connected", "opportunity_created"]
REASONS = [None, "elsewhere", *(one.id for one in FILE.disqualify)]
SAID = st.sampled_from(["", "no plan", "this quarter", "none", "we decide"])

answers = st.builds(Answer, said=SAID, met=st.sampled_from([None, True, False]))
happenings = st.lists(
    st.builds(
        lambda event, name, days, reason, told: Happened(
            event, ActivityName(name), Actor.HUMAN, NOW - timedelta(days=days),
            NOW - timedelta(days=days), reason=reason, answers=told,
        ),
        st.uuids(),
        st.sampled_from(NAMES),
        st.integers(0, 400),
        st.sampled_from(REASONS),
        st.none() | st.builds(Answers, budget=st.none() | answers, timeline=st.none() | answers),
    ),
    max_size=8,
    unique_by=lambda one: one.event,
)  # fmt: skip
touches = st.lists(
    st.builds(
        lambda event, kind, days: Touch(
            event, kind, NOW - timedelta(days=days), NOW - timedelta(days=days)
        ),
        st.uuids(),
        st.sampled_from(KindName),
        st.integers(0, 400),
    ),
    max_size=4,
)
facts = st.fixed_dictionaries(
    {},
    optional={
        "lead.message": st.text(min_size=1, max_size=20),
        "lead.fields.timeline": SAID,
        "person.seniority": st.sampled_from(["vp", "manager"]),
        "company.headcount": st.integers(1, 5_000),
    },
)


def judged(
    known: dict[str, object], around: Sequence[Happened], seen: Sequence[Touch], fit: int
) -> Qualification:
    scored = Scored(Score(fit=fit, intent=0, total=fit), (), "", "", TierName.WARM, fit > 0)
    happened = Around(tuple(around))
    out = disqualified(FILE, seen, happened, HOT, NOW)
    found = qualify(FILE, as_of(known, NOW, countable(around)), scored, happened, out)
    assert found is not None
    return found


@given(facts, happenings, touches, st.integers(-5_000, 10_000), st.randoms(use_true_random=False))
def test_the_order_of_arrival_says_nothing(known, around, seen, fit, chance):  # type: ignore[no-untyped-def]
    first = judged(known, around, seen, fit)
    chance.shuffle(around)
    chance.shuffle(seen)
    assert judged(known, around, seen, fit) == first


@given(facts, happenings, touches, st.integers(-5_000, 10_000))
def test_an_sql_lacks_nothing_and_is_not_given_up(known, around, seen, fit):  # type: ignore[no-untyped-def]
    found = judged(known, around, seen, fit)
    assert found.sql == (not found.missing and found.disqualified is None)
    states = {one.criterion.value: one.state for one in found.criteria}
    assert set(states) == {name.value for name in FILE.criteria}
    for name, state in states.items():
        if state is CriterionState.MET:
            assert name not in found.missing
    if found.sql:
        assert sum(state is CriterionState.MET for state in states.values()) >= 4
        assert states["fit"] is states["problem"] is CriterionState.MET
        assert states["timeline"] is not CriterionState.OPEN


@given(happenings, touches)
def test_whoever_is_out_comes_back_on_the_date_that_was_told(around, seen):  # type: ignore[no-untyped-def]
    happened = Around(tuple(around))
    out = disqualified(FILE, seen, happened, HOT, NOW)
    if out is None or out.returns_at is None:
        return
    assert out.at < out.returns_at
    assert out.returns_at > NOW
    assert disqualified(FILE, seen, happened, HOT, out.returns_at) is None
    before = out.returns_at - timedelta(microseconds=1)
    assert disqualified(FILE, seen, happened, HOT, before) == out


@given(happenings, touches)
def test_a_request_for_a_conversation_brings_anybody_back(around, seen):  # type: ignore[no-untyped-def]
    later = NOW + timedelta(seconds=1)
    asked = Touch(UUID(int=1), KindName.DEMO_REQUEST, later, later)
    assert disqualified(FILE, [*seen, asked], Around(tuple(around)), HOT, later) is None
