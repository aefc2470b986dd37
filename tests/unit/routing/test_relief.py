"""What a rep no longer has does not count against them, within the same transaction either."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from schemas.assignment import AssignmentStatus, RequestAction
from schemas.base import Motion
from services.kernel.people import Window
from services.routing import decide
from services.routing.answer import Request, answer
from services.routing.board import Board, Loaded
from services.routing.model import Given, Load
from tests.integration.routing.leads import MONDAY_NINE, plan, scored

ONE = Given("desk", Motion.INBOUND, dict.fromkeys(Window, 1), dict.fromkeys(Window, 1))


@pytest.mark.parametrize("caps", ["{day: 1}", "{day: 1, rolling: true}", "{open: 1}"])
def test_who_is_the_only_one_left_has_room_again_for_the_lead_that_was_taken_back(
    caps: str,
) -> None:
    alone = plan({"ana": 1}, rep_options=f", caps: {caps}")
    board = Board(alone, "v1", MONDAY_NINE, frozenset({"desk"}), Loaded(loads={"ana": Load()}))
    event = scored()
    (given,) = decide.scored(board, event, uuid4())
    assert given.attempt.rep_id == "ana"

    # As the next transaction finds it: one lead given, and not taken up.
    loaded = replace(board.loaded, loads={"ana": Load((ONE,), 1)}, ahead={})
    later = Board(alone, "v1", MONDAY_NINE, frozenset({"desk"}), loaded)
    wrong = Request(RequestAction.REASSIGN, "ana", correction=True)
    _, again = answer(later, given.attempt, event, wrong).changes
    assert (again.attempt.status, again.attempt.rep_id) == (AssignmentStatus.REASSIGNED, "ana")
    assert again.record is not None
    assert later.loaded.loads["ana"].open == 1
    assert later.loaded.loads["ana"].count(Window.DAY, rolling=False) == 1
