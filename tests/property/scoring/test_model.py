"""The ledger adds up, order does not matter, and time only takes away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.activity import ActivityName, Actor
from schemas.base import KindName
from schemas.score import Dimension
from schemas.signal import SignalName
from services.scoring.config import FitSection, Limits, ScoringFile, parse
from services.scoring.decay import decayed, lifetime
from services.scoring.happened import Around, Happened, Seen
from services.scoring.model import Touch, score
from services.scoring.reach import fit_bounds

_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_TEXT = (Path(__file__).parents[3] / "deploy/config/scoring.yaml").read_text("utf-8")
MODEL: ScoringFile = parse({"scoring.yaml": _TEXT})

_facts = st.fixed_dictionaries(
    {},
    optional={
        "email.class": st.sampled_from(["business", "free", "disposable"]),
        "email.role": st.booleans(),
        "company.headcount": st.integers(1, 5000),
        "company.industry": st.sampled_from(["Software", "Wholesale"]),
        "company.domain": st.sampled_from(["rival.example", "acme.example"]),
        "person.seniority": st.sampled_from(["c_suite", "vp", "manager", "student"]),
        "person.department": st.sampled_from(["sales", "it"]),
    },
)
_times = st.integers(0, 60 * 24 * 400).map(lambda minutes: _NOW - timedelta(minutes=minutes))


@st.composite
def _touch(draw: st.DrawFn) -> Touch:
    at = draw(_times)
    return Touch(draw(st.uuids(version=5)), draw(st.sampled_from(KindName)), at, at)


_touches = st.lists(_touch(), max_size=12)


@st.composite
def _happened(draw: st.DrawFn) -> Happened:
    at = draw(_times)
    page = draw(st.sampled_from([None, "pricing", "docs"]))
    names, actors = st.sampled_from(ActivityName), st.sampled_from(Actor)
    return Happened(draw(st.uuids(version=5)), draw(names), draw(actors), at, at, page_kind=page)


@st.composite
def _seen(draw: st.DrawFn) -> Seen:
    at, strength = draw(_times), draw(st.floats(0, 1))
    return Seen(draw(st.uuids(version=5)), draw(st.sampled_from(SignalName)), "p", strength, at, at)


_around = st.builds(
    Around,
    st.lists(_happened(), max_size=30).map(tuple),
    st.lists(_seen(), max_size=8).map(tuple),
)


@given(facts=_facts, touches=_touches, around=_around)
def test_the_lines_of_each_dimension_add_up_to_its_score(
    facts: dict[str, object], touches: list[Touch], around: Around
) -> None:
    found = score(MODEL, facts, touches, _NOW, around)
    for dimension, points in (
        (Dimension.FIT, found.score.fit),
        (Dimension.INTENT, found.score.intent),
    ):
        lines = [line.points for line in found.ledger if line.dimension is dimension]
        assert sum(lines) == points
    assert found.score.total == found.score.fit + found.score.intent
    assert found.score.fit <= 100_00
    assert found.score.intent <= 100_00


@given(
    facts=_facts,
    points=st.lists(st.integers(-50, 50), min_size=20, max_size=20),
    caps=st.dictionaries(st.sampled_from(["company", "person"]), st.integers(0, 60), max_size=2),
)
def test_no_fit_lies_outside_its_bounds(
    facts: dict[str, object], points: list[int], caps: dict[str, int]
) -> None:
    rules = [
        rule.model_copy(update={"points": points[at % 20]})
        for at, rule in enumerate(MODEL.fit.rules)
    ]
    groups = {name: Limits(cap=cap, floor=-cap) for name, cap in caps.items()}
    fit = FitSection(rules=tuple(rules), groups=groups)
    model = MODEL.model_copy(update={"fit": fit})
    low, high = fit_bounds(fit)
    assert low * 100 <= score(model, facts, [], _NOW).score.fit <= high * 100


@given(facts=_facts, touches=_touches, around=_around, data=st.data())
def test_order_and_repeats_do_not_matter(
    facts: dict[str, object], touches: list[Touch], around: Around, data: st.DataObject
) -> None:
    again = [*data.draw(st.permutations(touches)), *touches[:3]]
    activities = (*data.draw(st.permutations(around.activities)), *around.activities[:3])
    signals = (*data.draw(st.permutations(around.signals)), *around.signals[:3])
    other = Around(tuple(activities), tuple(signals))
    assert score(MODEL, facts, again, _NOW, other) == score(MODEL, facts, touches, _NOW, around)


@given(facts=_facts, touches=_touches, minutes=st.integers(0, 60 * 24))
def test_a_score_holds_for_whole_days(
    facts: dict[str, object], touches: list[Touch], minutes: int
) -> None:
    """Within the day that each touch is in, nothing moves."""
    later = _NOW + timedelta(minutes=minutes)
    same_day = [t for t in touches if (later - t.at) // _DAY == (_NOW - t.at) // _DAY]
    quiet = [t for t in same_day if t.kind not in MODEL.hot.kinds]
    assert score(MODEL, facts, quiet, later).score == score(MODEL, facts, quiet, _NOW).score


@given(
    points=st.integers(-100_000, 100_000).filter(bool),
    half_life=st.integers(1, 365),
    day=st.integers(0, 2000),
)
@settings(max_examples=300)
def test_decay_halves_and_never_grows(points: int, half_life: int, day: int) -> None:
    here, next_day = decayed(points, half_life, day), decayed(points, half_life, day + 1)
    assert abs(next_day) <= abs(here) <= abs(points)
    assert abs(decayed(points, half_life, half_life) - points / 2) <= 0.5
    end = lifetime(points, half_life)
    assert decayed(points, half_life, end) == 0
    assert decayed(points, half_life, end - 1) != 0


@given(facts=_facts, touches=_touches)
def test_a_hand_raise_sets_the_intent_band_by_itself(
    facts: dict[str, object], touches: list[Touch]
) -> None:
    hand_raise = Touch(UUID(int=1), KindName.DEMO_REQUEST, _NOW - timedelta(days=300), _NOW)
    found = score(MODEL, facts, [*touches, hand_raise], _NOW)
    assert found.intent_band == "high"


_DAY = timedelta(days=1)
