"""A decision taken again from its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic_core import from_json, to_json

from schemas.base import TierName
from services.kernel.people import Overlay
from services.routing import decide
from services.routing.board import Board, Loaded
from services.routing.model import Change, Load
from services.routing.placement import ENGINE
from services.routing.plan import Plan
from services.routing.repeating import Cause, Stored, difference
from tests.integration.routing.leads import MONDAY_NINE, plan, scored

PERSONAL = (
    "  - {id: vip, when: {lead.email: {ends_with: '@acme.example'}}, pool: desk}\n"
    "  - {id: asked, when: {lead.fields.budget: high}, nurture: true}"
)


def decided(with_plan: Plan, loaded: Loaded | None = None, **fields: Any) -> Change:
    pools = frozenset(with_plan.weights)
    board = Board(with_plan, "v1", MONDAY_NINE, pools, loaded or Loaded())
    (change,) = decide.scored(board, scored(**fields), uuid4())
    return change


def stored(change: Change, **changed: Any) -> Stored:
    """As the database gives it back."""
    record: Mapping[str, Any] = {**from_json(to_json(change.record)), **changed}
    return Stored(change.attempt.lead_id, change.sequence, change.attempt.assignment_id, record)


def test_a_record_holds_nothing_that_identifies_and_repeats_all_the_same() -> None:
    asked = plan(rules=PERSONAL)
    change = decided(asked, person="ann@acme.example")
    kept = stored(change)
    assert kept.record["rule"] == "vip"
    assert "ann@" not in to_json(kept.record).decode()
    assert difference(asked, kept, {}) is None


def test_what_operators_had_changed_is_seen_again() -> None:
    three = plan()
    absent = {"ana": Overlay(paused=True), "ben": Overlay(active=False)}
    change = decided(three, Loaded(overlays=dict(absent)))
    kept = stored(change)
    key = kept.record["state"]["overlays"]
    assert difference(three, kept, {key: absent}) is None
    found = difference(three, kept, {key: {}})
    assert found is not None
    assert set(found.parts) == {"pools", "choice", "outcome"}


def test_caps_are_counted_as_they_were() -> None:
    capped = plan({"ana": 1, "ben": 1}, rep_options=", caps: {open: 3}")
    loads = {"ana": replace(Load(), open=3), "ben": replace(Load(), open=2)}
    change = decided(capped, Loaded(loads=loads))
    assert change.attempt.rep_id == "ben"
    assert difference(capped, stored(change), {}) is None
    roomy = plan({"ana": 1, "ben": 1}, rep_options=", caps: {open: 9}")
    assert difference(roomy, stored(change), {}) is not None


@pytest.mark.parametrize(("engine", "cause"), [(ENGINE, Cause.FAULT), ("0", Cause.ENGINE)])
def test_a_difference_is_laid_to_the_engine_that_took_it(engine: str, cause: Cause) -> None:
    change = decided(plan())
    spoilt = stored(change, engine=engine, rule="another")
    found = difference(plan(), spoilt, {})
    assert found is not None
    assert (found.cause, found.engine) == (cause, engine)
    assert found.parts == {"rule": ("another", "catch-all")}


def test_a_hold_ends_when_it_did() -> None:
    closed = plan(calendar="office")
    board = Board(closed, "v1", MONDAY_NINE - timedelta(minutes=7), frozenset({"desk"}), Loaded())
    (change,) = decide.scored(board, scored(tier=TierName.WARM), uuid4())
    kept = stored(change)
    assert kept.record["outcome"]["held_until"] == MONDAY_NINE.isoformat()
    assert difference(closed, kept, {}) is None
    assert difference(plan(calendar="always"), kept, {}) is not None
