"""What becomes of a lead that is there already."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.assignment import AssignmentStatus as S
from schemas.base import KindName
from services.routing.policy import Target
from services.routing.returning import Returning, moves_down, next_wish, returning
from services.routing.subject import How, Placement, Wish
from tests.integration.routing.leads import plan

TARGET = Target("rule", "routing.yaml#/rules/0", None)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("before", "placed", "own", "down"),
    [
        ("held", (S.NURTURED, How.NURTURE), True, True),
        ("nurtured", (S.NURTURED, How.NURTURE), True, True),
        ("new", (S.NURTURED, How.NURTURE), True, False),
        ("held", (S.CLOSED, How.DIVERTED), False, True),
        ("held", (S.CLOSED, How.DIVERTED), True, False),
        ("nurtured", (S.CLOSED, How.DIVERTED), False, False),
        ("held", (S.ASSIGNED, How.TURN), False, False),
        ("held", (S.HELD, How.NOBODY_FREE), False, False),
    ],
)
def test_what_waits_falls_out_of_sales_only_by_its_own_submission(
    before: str, placed: tuple[S, How], own: bool, down: bool
) -> None:
    assert moves_down(before, Placement(*placed, TARGET), own=own) is down


def test_another_touch_means_what_the_plan_says() -> None:
    made = plan({"ana": 1, "ben": 1}, by_rep={"ana": ", active: false"})
    asks = KindName.DEMO_REQUEST
    assert returning(made, "ana", asks, DAY) is Returning.LEFT
    assert returning(made, "gone", asks, DAY) is Returning.LEFT
    assert returning(made, "ben", KindName.NEWSLETTER, 400 * DAY) is Returning.KNOWN
    assert returning(made, "ben", asks, made.anew_after) is Returning.ASKS
    assert returning(made, "ben", asks, made.anew_after + DAY) is Returning.STALE
    assert returning(made, "ben", asks, None) is Returning.STALE


def test_what_comes_back_too_often_goes_to_the_manager() -> None:
    made = plan({"ana": 1})
    assert next_wish(made, made.max_attempts, Wish()) == Wish()
    assert next_wish(made, made.max_attempts + 1, Wish()).escalate
