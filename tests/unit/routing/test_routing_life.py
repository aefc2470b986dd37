"""Which request does what in which status."""

from __future__ import annotations

from uuid import uuid4

import pytest

from schemas.assignment import ACTIVE, AssignmentStatus, RequestAction
from schemas.base import RoleName, TierName
from services.routing.life import Done, Refusal, Refused, Step, judge
from services.routing.model import Attempt, Origin
from tests.integration.routing.leads import MONDAY_NINE, scored

S, A = AssignmentStatus, RequestAction


def attempt(status: AssignmentStatus) -> Attempt:
    return Attempt(
        assignment_id=uuid4(), lead_id=uuid4(), account_key="acme.example", role=RoleName.SDR,
        cycle=1, attempt=1, status=status, origin=Origin.of(scored(), None), tier=TierName.HOT,
        rep_id="ana" if status in ACTIVE else None, pool="desk", reason="", rule_path="",
        config_version="v", decided_at=MONDAY_NINE, changed_at=MONDAY_NINE, touched_at=MONDAY_NINE,
    )  # fmt: skip


@pytest.mark.parametrize("status", sorted(ACTIVE))
def test_the_rep_who_has_it_accepts_or_gives_it_back(status: AssignmentStatus) -> None:
    expected = Done() if status is S.ACCEPTED else Step(S.ACCEPTED)
    assert judge(attempt(status), A.ACCEPT, "ana") == expected
    back = judge(attempt(status), A.REJECT, "ana")
    assert back == Step(S.REJECTED, replaced=True, returns_turn=True)


@pytest.mark.parametrize("action", [A.ACCEPT, A.REJECT])
def test_another_rep_may_not(action: RequestAction) -> None:
    assert judge(attempt(S.ASSIGNED), action, "ben") == Refused(Refusal.NOT_YOURS)
    assert judge(attempt(S.ASSIGNED), action, None) == Refused(Refusal.NOT_YOURS)


@pytest.mark.parametrize("status", [S.REJECTED, S.EXPIRED, S.CLOSED])
@pytest.mark.parametrize("action", list(A))
def test_what_is_over_stays_over(status: AssignmentStatus, action: RequestAction) -> None:
    assert judge(attempt(status), action, "ana") == Refused(Refusal.OVER)


@pytest.mark.parametrize("status", [S.HELD, S.NURTURED])
def test_what_nobody_has_can_only_be_released_or_where_it_waits_escalated(
    status: AssignmentStatus,
) -> None:
    assert judge(attempt(status), A.RELEASE, None) == Step(S.CLOSED)
    for action in (A.ACCEPT, A.REJECT, A.REASSIGN):
        assert judge(attempt(status), action, "ana") == Refused(Refusal.OVER)
    expected = Step(S.EXPIRED, replaced=True) if status is S.HELD else Refused(Refusal.OVER)
    assert judge(attempt(status), A.ESCALATE, None) == expected


@pytest.mark.parametrize("action", [A.REASSIGN, A.ESCALATE])
def test_a_breach_does_not_return_the_turn(action: RequestAction) -> None:
    assert judge(attempt(S.ASSIGNED), action, None) == Step(S.EXPIRED, replaced=True)


def test_a_request_about_another_status_is_stale() -> None:
    assert judge(attempt(S.ACCEPTED), A.REASSIGN, None, S.ASSIGNED) == Refused(Refusal.STALE)
    assert judge(attempt(S.ASSIGNED), A.REASSIGN, None, S.ASSIGNED) == Step(
        S.EXPIRED, replaced=True
    )
