"""Who can have a lead: caps in all their forms, fit, ramp and whoever stands in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.base import Motion, TierName
from services.kernel.people import Overlay, Window
from services.routing.board import Board, Loaded
from services.routing.candidates import Survey, survey
from services.routing.model import Given, Load
from services.routing.subject import Subject
from tests.integration.routing.leads import MONDAY_NINE, lead_id, plan

SPARE = (
    "  - {id: eve, name: Eve, email: eve@example.com, role: sdr, time_zone: UTC, calendar: always}"
)


def look(
    options: dict[str, Any],
    facts: dict[str, object] | None = None,
    loaded: Loaded | None = None,
    *,
    days: float = 0,
    picky: bool = True,
) -> Survey:
    """Everybody of the pool for one lead."""
    chosen = plan(**options)
    now = MONDAY_NINE + timedelta(days=days)
    board = Board(chosen, "v", now, frozenset(chosen.weights), loaded or Loaded())
    subject = Subject(
        lead_id=lead_id("p"),
        account_key="a.example",
        assignment_id=lead_id("a"),
        facts={"motion": "inbound", **(facts or {})},
        tier=TierName.HOT,
        received_at=now,
    )
    pool = chosen.pool("desk")
    assert pool is not None
    return survey(board, pool, subject, picky=picky)


def why(seen: Survey) -> dict[str, str]:
    return {member: barred.why.value for member, barred in seen.barred.items()}


def given(pool: str = "desk", motion: Motion = Motion.INBOUND, **counts: int) -> Given:
    windows = {Window(name): count for name, count in counts.items()}
    return Given(pool, motion, windows, windows)


def loads(*groups: Given, open_: int = 0) -> Loaded:
    return Loaded(loads={"ana": Load(groups, open_)})


@pytest.mark.parametrize(
    ("caps", "load", "said"),
    [
        ("{day: 5}", [given(day=4, week=4)], None),
        ("{day: 5}", [given(day=5, week=5)], "cap_day"),
        ("{day: 5}", [given(day=3), given("other", day=2)], "cap_day"),
        ("{hour: 9, week: 5}", [given(hour=9, day=9, week=9)], "cap_week"),
        ("{inbound: {day: 2}}", [given(day=2)], "cap_motion"),
        ("{outbound: {day: 2}}", [given(motion=Motion.OUTBOUND, day=2)], None),
        ("{day: 10, kept_for_outbound: 30}", [given(day=6)], None),
        ("{day: 10, kept_for_outbound: 30}", [given(day=7)], "cap_motion"),
        ("{day: 10, kept_for_outbound: 30}", [given(motion=Motion.OUTBOUND, day=7)], None),
        ("{day: 10, kept_for_outbound: 100}", [], "cap_motion"),
    ],
)
def test_caps_of_a_person(caps: str, load: list[Given], said: str | None) -> None:
    seen = look({"rep_options": f", caps: {caps}"}, loaded=loads(*load))
    assert why(seen).get("ana") == said


def test_caps_of_a_pool_count_its_leads_only() -> None:
    options = {"pool_options": ", caps: {day: 2}"}
    assert why(look(options, loaded=loads(given(day=1), given("other", day=5)))).get("ana") is None
    assert why(look(options, loaded=loads(given(day=2))))["ana"] == "cap_pool"


def test_a_window_that_rolls_counts_what_lies_within_it() -> None:
    group = Given("desk", Motion.INBOUND, {Window.DAY: 0}, {Window.DAY: 3})
    fixed = look({"rep_options": ", caps: {day: 3}"}, loaded=loads(group))
    rolling = look({"rep_options": ", caps: {day: 3, rolling: true}"}, loaded=loads(group))
    assert (why(fixed).get("ana"), why(rolling).get("ana")) == (None, "cap_day")


def test_a_cap_by_command_replaces_the_configured_one() -> None:
    loaded = loads(given(day=4), open_=4)
    loaded.overlays["ana"] = Overlay(caps={"day": None, "open": 4})
    assert why(look({"rep_options": ", caps: {day: 1}"}, loaded=loaded))["ana"] == "cap_open"


@pytest.mark.parametrize(
    ("facts", "free"),
    [
        ({"country.resolved": "DE"}, {"ana"}),
        ({"country.resolved": "FR"}, {"ben"}),
        ({"country.resolved": "US"}, {"ana", "ben", "eve"}),
        ({}, {"ana", "ben", "eve"}),
    ],
)
def test_languages_are_asked_for_by_some_leads(facts: dict[str, object], free: set[str]) -> None:
    seen = look(_polyglots("languages: [de]", "languages: [fr]"), facts)
    assert set(seen.weights) == free
    assert set(why(seen).values()) <= {"language"}


def test_a_preference_gives_way_where_nobody_who_has_it_is_free() -> None:
    options = _polyglots("languages: [de], prefer: true", "languages: [fr]")
    german: dict[str, object] = {"country.resolved": "DE"}
    assert set(look(options, german).weights) == {"ana"}
    away = Loaded(overlays={"ana": Overlay(paused=True)})
    assert set(look(options, german, away).weights) == {"ben", "eve"}


def test_a_territory_takes_only_its_own_leads() -> None:
    options = {
        "members": {"ana": 1}, "rep_options": ", takes: {country.resolved: [DE, AT]}",
    }  # fmt: skip
    assert set(look(options, {"country.resolved": "AT"}).weights) == {"ana"}
    for facts in ({"country.resolved": "US"}, {}):
        seen = look(options, facts)
        assert (why(seen), seen.unserved) == ({"ana": "territory"}, True)
        assert set(look(options, facts, picky=False).weights) == {"ana"}


@pytest.mark.parametrize(
    ("days", "shares"), [(0, (25, 100)), (13.6, (25, 100)), (14, (50, 100)), (28, (1, 1))]
)
def test_a_joiner_ramps_up(days: float, shares: tuple[int, int]) -> None:
    options = {
        "members": {"ana": 1, "eve": 1},
        "by_rep": {"eve": ", joined: 2026-11-23"},
        "teams": "ramp: [{percent: 25, for: 14d}, {percent: 50, for: 14d}]",
    }
    seen = look(options, days=days)
    assert (seen.weights["eve"], seen.weights["ana"]) == shares
    assert "eve" not in look(options, days=-1).weights, "before the first day"


def test_who_stands_in_has_the_member_s_weight() -> None:
    options = {"members": {"ana": 3, "ben": 1}, "rep_options": ", backup: eve", "reps": SPARE}
    assert dict(look(options).weights) == {"ana": 3, "ben": 1}
    away = Loaded(overlays={"ana": Overlay(paused=True)})
    seen = look(options, loaded=away)
    assert dict(seen.weights) == {"ben": 1, "eve": 3}
    assert seen.record["stands_in"] == {"eve": "ana"}


def _polyglots(german: str, french: str) -> dict[str, Any]:
    needs = (
        f", needs: [{{when: {{country.resolved: DE}}, {german}}},"
        f" {{when: {{country.resolved: FR}}, {french}}}]"
    )
    return {"members": {"ana": 1, "ben": 1, "eve": 1}, "pool_options": needs,
            "by_rep": {"ana": ", languages: [de]", "ben": ", languages: [fr]"}}  # fmt: skip
