"""What is stored with a score gives the same score again: for any history, whatever came later."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from schemas.activity import ActivityName, Actor
from schemas.base import ChannelName, KindName, Lane, Motion, Provenance
from schemas.enrichment import LeadEnriched
from schemas.lead import Lead, Repeat
from schemas.qualification import Answer, Answers
from schemas.score import LeadScored
from schemas.signal import SignalName
from services.kernel.facts import facts_of, without_identifiers
from services.scoring.assess import assess, touch_of
from services.scoring.happened import Around, Happened, Seen
from services.scoring.model import Touch
from services.scoring.rules import parse
from services.scoring.simulation import Recorded, Verdict, again, change, qualified

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_FOLDER = Path(__file__).parents[3] / "deploy/config"
RULES = parse(
    {name: (_FOLDER / name).read_text("utf-8") for name in ("scoring.yaml", "qualification.yaml")}
)

_ago = st.integers(0, 60 * 24 * 300).map(lambda minutes: NOW - timedelta(minutes=minutes))
_soon = st.integers(1, 60 * 24).map(lambda minutes: NOW + timedelta(minutes=minutes))
_ids = st.uuids(version=5)
_facts = st.fixed_dictionaries(
    {},
    optional={
        "email_class": st.sampled_from(["business", "free"]),
        "headcount": st.integers(1, 5_000),
        "seniority": st.sampled_from(["c_suite", "vp", "manager", "student"]),
        "technologies": st.lists(st.sampled_from(["python", "kafka"]), min_size=1, max_size=2),
    },
)
_answers = st.builds(
    Answers, budget=st.builds(Answer, said=st.text(max_size=9), met=st.none() | st.booleans())
)


def _happenings(when: st.SearchStrategy[datetime]) -> st.SearchStrategy[list[Happened]]:
    def one(
        id_: UUID, name: ActivityName, at: datetime, page: str | None, told: Answers | None
    ) -> Happened:
        reason = "bad_timing" if name is ActivityName.DISQUALIFIED else None
        return Happened(id_, name, Actor.HUMAN, at, at, page_kind=page, reason=reason, answers=told)

    pages = st.sampled_from([None, "pricing"])
    each = st.builds(one, _ids, st.sampled_from(ActivityName), when, pages, st.none() | _answers)
    return st.lists(each, max_size=8)


_signals = st.lists(
    st.builds(
        lambda id_, name, at, strength: Seen(id_, name, "p", strength, at, at),
        _ids, st.sampled_from(SignalName), _ago, st.floats(0, 1),
    ),
    max_size=4,
)  # fmt: skip
_touches = st.lists(
    st.builds(
        lambda id_, kind, at: Touch(id_, kind, at, at), _ids, st.sampled_from(KindName), _ago
    ),
    max_size=5,
)


@st.composite
def _event(draw: st.DrawFn) -> LeadEnriched:
    texts = st.none() | st.text(min_size=1, max_size=12)
    known = {
        name: Provenance(value=value, source="derived:test", at=NOW)
        for name, value in draw(_facts).items()
    }
    fields = draw(st.dictionaries(st.sampled_from(["budget", "timeline"]), st.text(max_size=9)))
    lead = Lead(
        lead_id=UUID(int=1), account_key="acme.example", email="a@acme.example",
        message=draw(texts), company=draw(texts), fields=fields,
    )  # fmt: skip
    return LeadEnriched(
        submission_id=UUID(int=2), causation_id=UUID(int=3), received_at=NOW, submitted_at=NOW,
        lane=Lane.LIVE, motion=draw(st.sampled_from(Motion)), channel=ChannelName.DIRECT,
        source="website", kind=draw(st.sampled_from(KindName)), lead=lead, repeat=Repeat.FIRST,
        touch=1, lead_revision=1, facts=known, complete=True, late=False,
    )  # fmt: skip


def _kept(event: LeadEnriched, facts: dict[str, object]) -> dict[str, object]:
    """The facts as they come back: those that identify nobody from the score's row, the others from
    the lead's."""
    own = facts_of(LeadEnriched.read(event.encode()))
    personal = {name: own[name] for name in own.keys() - without_identifiers(own).keys()}
    return {**personal, **from_json(to_json(without_identifiers(facts)))}


def _recorded(
    scored: LeadScored, at: datetime, facts: dict[str, object], touches: list[Touch], around: Around
) -> Recorded:
    points: Counter[str] = Counter()
    for line in scored.ledger:
        points[line.rule] += line.points
    verdict = Verdict(
        scored.tier, scored.mql, scored.score.fit, scored.score.intent, scored.score.total
    )
    lead = scored.lead
    return Recorded(
        lead.lead_id, lead.account_key, at, "v", verdict, points, facts, tuple(touches),
        around.until(at),
    )  # fmt: skip


@settings(deadline=None)
@given(
    event=_event(), touches=_touches, before=_happenings(_ago), after=_happenings(_soon),
    signals=_signals, released=st.booleans(), data=st.data(),
)  # fmt: skip
def test_a_score_is_the_same_when_it_is_made_again(
    event: LeadEnriched,
    touches: list[Touch],
    before: list[Happened],
    after: list[Happened],
    signals: list[Seen],
    released: bool,
    data: st.DataObject,
) -> None:
    own = touch_of(event, UUID(int=4))
    assert own is not None
    known = [*touches, own]
    around = Around(tuple(before), tuple(signals))
    made = assess(RULES, "v", event, UUID(int=4), None, known, 1, around, released=released)
    later = Around(tuple(data.draw(st.permutations([*before, *after]))), tuple(reversed(signals)))
    facts = _kept(event, dict(made.facts))
    lead = _recorded(made.event, made.at, facts, list(reversed(known)), later)
    found = again(RULES.scoring, lead)
    assert found.score == made.event.score
    assert found.ledger == made.event.ledger[: len(found.ledger)]
    assert sum(line.points for line in made.event.ledger) == made.event.score.total
    tier, qualification = qualified(RULES, lead, found)
    assert qualification == made.event.qualification
    # A prospect whose turn has not come is told from one who never left nurture by its row.
    if event.motion is Motion.INBOUND or not released:
        assert tier is made.event.tier
        assert not change(RULES, lead).moves
