"""Routing takes every example of what it consumes, and what it produces is as the contract says."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import jsonschema
import pytest
from pydantic_core import from_json

from schemas.assignment import AssignmentChanged, AssignmentRequested
from schemas.score import LeadScored
from services.routing import decide
from services.routing.board import Board, Loaded
from services.routing.events import assignment_changed
from services.routing.life import judge
from tests.integration.routing.leads import MONDAY_NINE, plan, scored

SCHEMAS = Path(__file__).parents[3] / "schemas"
PLAN = plan({"ana": 1, "ben": 1})


def good(event: type) -> list[Path]:
    return sorted((SCHEMAS / "examples" / event.TYPE / "good").glob("*.json"))  # type: ignore[attr-defined]


def board() -> Board:
    return Board(PLAN, "v", MONDAY_NINE, frozenset(PLAN.weights), Loaded())


@pytest.mark.parametrize("path", good(LeadScored), ids=lambda path: path.stem)
def test_every_example_is_decided_and_told(path: Path) -> None:
    event = LeadScored.read(path.read_bytes())
    changes = decide.scored(board(), event, uuid4())
    ends = [change for change in changes if change.end is not None]
    assert len(ends) == (0 if event.late or event.submission_id is None else 1)
    for change in changes:
        told = assignment_changed(PLAN, change, uuid4())
        assert AssignmentChanged.read(told.encode()) == told
        jsonschema.validate(from_json(told.encode()), _schema(AssignmentChanged.TYPE))


@pytest.mark.parametrize("path", good(AssignmentRequested), ids=lambda path: path.stem)
def test_every_request_is_judged(path: Path) -> None:
    request = AssignmentRequested.read(path.read_bytes())
    on = board()
    (change,) = decide.scored(on, scored(), uuid4())
    judge(change.attempt, request.action, request.rep_id, request.expected_status)


def test_there_are_examples() -> None:
    assert good(LeadScored)
    assert good(AssignmentRequested)


def _schema(name: str) -> object:
    return from_json((SCHEMAS / "jsonschema" / f"{name}.json").read_bytes())
