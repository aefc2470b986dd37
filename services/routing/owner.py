"""Owner first: whose lead it is already. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.kernel.people import Absence
from services.routing.board import Board, Colleague
from services.routing.eligibility import Past
from services.routing.plan import OwnerAway


@dataclass(frozen=True, slots=True)
class OwnerSearch:
    """What the search for an owner found, with everyone it looked at."""

    owner: Colleague | None
    checks: tuple[dict[str, Any], ...]


def of_account(
    board: Board, account_key: str, lead_id: UUID, excluded: tuple[str, ...]
) -> OwnerSearch:
    """The rep who already has a colleague at the same account, the one who has had it longest.

    A person who left falls through; one who is away does where the policy says so.
    """
    checks: list[dict[str, Any]] = []
    for colleague in board.colleagues(account_key, lead_id):
        fault = _fault(board, colleague.rep_id, excluded)
        checks.append({"level": "account", "rep": colleague.rep_id, "lost": fault})
        if fault is None:
            return OwnerSearch(colleague, tuple(checks))
    return OwnerSearch(None, tuple(checks) or ({"level": "account", "rep": None, "lost": "none"},))


def _fault(board: Board, rep_id: str, excluded: tuple[str, ...]) -> str | None:
    if rep_id in excluded:
        return Past.OWNER.value
    barred = board.away(rep_id)
    if barred is None:
        return None
    if barred.why is Absence.INACTIVE or board.plan.owner_away is OwnerAway.POOL:
        return barred.why.value
    return None
