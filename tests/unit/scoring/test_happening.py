"""What activities and signals earn, and whom an activity is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from schemas.activity import ActivityName, Actor
from schemas.signal import SignalName
from services.kernel.hints import Hint, HintKind
from services.scoring.config import IntentRule, ScoringFile, parse
from services.scoring.happened import Around, Happened, Seen
from services.scoring.happening import active_signals, counted, seen_lines
from services.scoring.model import score
from services.scoring.names import Meant, meant

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_FILE = Path(__file__).parents[3] / "deploy/config/scoring.yaml"
MODEL: ScoringFile = parse({"scoring.yaml": _FILE.read_text("utf-8")})


def view(days: int = 0, page: str | None = None, actor: Actor = Actor.HUMAN) -> Happened:
    at = NOW - timedelta(days=days)
    return Happened(uuid4(), ActivityName.PAGE_VIEW, actor, at, at, page_kind=page)


def signal(name: str, days: int = 0, strength: float = 1.0) -> Seen:
    at = NOW - timedelta(days=days)
    return Seen(uuid4(), SignalName(name), "newsdesk", strength, at, at)


def rule(**fields: object) -> IntentRule:
    known = {"id": "r", "group": "g", "points": 5, "activities": ["page_view"]}
    return IntentRule.model_validate(known | fields)


def test_the_newest_count_up_to_the_most() -> None:
    old, newer, newest = view(3), view(2), view(1)
    assert counted(rule(most=2), [newest, old, newer, newest]) == [newer, newest]


def test_a_rule_may_ask_for_pages_and_for_who_did_it() -> None:
    pricing, docs, bot = view(page="pricing"), view(page="docs"), view(actor=Actor.AUTOMATION)
    every = [pricing, docs, bot]
    assert counted(rule(pages=["pricing"]), every) == [pricing]
    assert set(counted(rule(actor="human"), every)) == {pricing, docs}
    assert counted(rule(activities=[], kinds=["demo_request"]), every) == []


def test_what_no_rule_names_earns_nothing() -> None:
    mails = [
        Happened(uuid4(), ActivityName.EMAIL_SENT, Actor.AUTOMATION, NOW, NOW) for _ in range(9)
    ]
    assert score(MODEL, {}, [], NOW, Around(tuple(mails))).score.total == 0


def test_a_signal_fades_by_its_half_life_and_its_strength() -> None:
    (fresh,) = seen_lines(MODEL, [signal("review_site_intent")], NOW)
    (half,) = seen_lines(MODEL, [signal("review_site_intent", days=14)], NOW)
    (weak,) = seen_lines(MODEL, [signal("review_site_intent", strength=0.2)], NOW)
    assert (fresh.points, half.points, weak.points) == (35_00, 17_50, 7_00)
    assert list(seen_lines(MODEL, [signal("review_site_intent", days=400)], NOW)) == []
    assert list(seen_lines(MODEL, [signal("other")], NOW)) == []


def test_whoever_is_told_hears_the_newest_first() -> None:
    told = active_signals(MODEL, [signal("traffic", days=3), signal("funding", days=1)], NOW)
    assert [(one.signal, one.tell) for one in told] == [
        (SignalName.FUNDING, ("owner", "manager")), (SignalName.TRAFFIC, ())
    ]  # fmt: skip


A, B = UUID(int=1), UUID(int=2)
PERSON, OTHER = Hint(HintKind.PERSON, str(A)), Hint(HintKind.LEAD, str(B))
VISITOR, ACCOUNT = Hint(HintKind.VISITOR, "v"), Hint(HintKind.ACCOUNT, "acme.example")


@pytest.mark.parametrize(
    ("hints", "whom"),
    [
        ((OTHER, PERSON), Meant(lead_id=A)),
        ((PERSON, VISITOR), Meant(lead_id=A, visitor_id="v")),
        ((VISITOR, ACCOUNT), Meant(lead_id=B, visitor_id="v")),
        ((OTHER, ACCOUNT), Meant(waits_for=B)),
        ((ACCOUNT,), Meant(account_key="acme.example")),
        ((Hint(HintKind.VISITOR, "w"),), Meant(visitor_id="w")),
        ((), Meant()),
    ],
)
def test_the_first_hint_that_is_known_decides(hints: tuple[Hint, ...], whom: Meant) -> None:
    assert meant(hints, {A: A}, {"v": B}) == whom


def test_a_rule_may_count_what_happened_in_a_window() -> None:
    text = _FILE.read_text("utf-8").replace(
        "  rules:\n    # -- the company",
        "  rules:\n    - id: keen\n      group: company\n      points: 10\n"
        "      when: {activities: {page_kind: pricing, within: 7d, count: {gte: 3}}}\n"
        "    # -- the company",
    )
    model = parse({"scoring.yaml": text})
    recent = tuple(view(n, "pricing") for n in range(3))
    assert score(model, {}, [], NOW, Around(recent)).score.fit == 10_00
    assert score(model, {}, [], NOW, Around((*recent[:2], view(9, "pricing")))).score.fit == 0
