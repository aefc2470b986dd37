"""Owner first: whose lead it is already. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.base import RoleName
from services.kernel.people import Absence, Rep
from services.routing.board import Board
from services.routing.companies import Level
from services.routing.eligibility import Past
from services.routing.ownership import OwnerAway
from services.routing.seats import backup_of
from services.routing.subject import Subject

_STEP = {role: step for step, role in enumerate(RoleName)}
UNKNOWN = "unknown"
EARLIER_ROLE = "earlier_role"
NO_BACKUP = "no_backup"
TOO_LONG = "away_too_long"


@dataclass(frozen=True, slots=True)
class Owned:
    """Somebody with a claim on the lead."""

    rep_id: str
    level: Level
    pool: str | None = None
    """The pool through which they have a colleague of the lead."""
    stands_in_for: str | None = None
    until: datetime | None = None
    """The lead waits for them until then; None: they can have it now."""


@dataclass(frozen=True, slots=True)
class OwnerSearch:
    """What the search for an owner found, with everyone it looked at."""

    owner: Owned | None
    checks: tuple[dict[str, Any], ...]


def of_lead(board: Board, subject: Subject) -> OwnerSearch:
    """The first in the order of levels who can have the lead.

    Who is gone, or had this lead, falls through with the reason; who is away as the policy says.
    """
    checks: list[dict[str, Any]] = []
    for claim in _claims(board, subject):
        found = _judged(board, subject, claim, checks)
        if found is not None:
            return OwnerSearch(found, tuple(checks))
    nobody = {"level": Level.CONTACT.value, "rep": None, "lost": "none"}
    return OwnerSearch(None, tuple(checks) or (nobody,))


def _claims(board: Board, subject: Subject) -> Iterator[Owned]:
    company = board.match(subject.lead_id).company
    named = dict(company.levels()) if company is not None else {}
    for level in board.plan.owner.order:
        if level is Level.CONTACT:
            if subject.owned_before is not None:
                yield Owned(subject.owned_before, level)
            for colleague in board.colleagues(subject.account_key, subject.lead_id):
                yield Owned(colleague.rep_id, level, colleague.pool)
        elif (name := named.get(level)) is not None:
            rep = board.plan.person(name)
            yield Owned(rep.id if rep is not None else name, level)


def _judged(
    board: Board, subject: Subject, claim: Owned, checks: list[dict[str, Any]]
) -> Owned | None:
    """The claim, or whoever stands in; None where it falls through. Notes what was found."""
    rep = board.plan.rep(claim.rep_id)
    lost = _gone(board, subject, claim.rep_id, rep)
    if lost is None and rep is not None:
        absence = board.away(rep.id)
        if absence is None or board.plan.owner.away is OwnerAway.ASSIGN:
            checks.append({"level": claim.level, "rep": claim.rep_id, "lost": None})
            return claim
        lost = absence.why.value
    checks.append({"level": claim.level, "rep": claim.rep_id, "lost": lost})
    if rep is None:
        return None
    return _instead(board, subject, claim, rep, checks)


def _gone(board: Board, subject: Subject, rep_id: str, rep: Rep | None) -> str | None:
    """Why somebody cannot have it at all, whether here or away."""
    if rep_id in subject.excluded:
        return Past.OWNER.value
    if rep is None:
        return UNKNOWN
    if (absence := board.away(rep_id)) is not None and absence.why is Absence.INACTIVE:
        return absence.why.value
    if _STEP[rep.role] < _STEP[board.role]:
        return EARLIER_ROLE
    return None


def _instead(
    board: Board, subject: Subject, claim: Owned, rep: Rep, checks: list[dict[str, Any]]
) -> Owned | None:
    """What the policy has for an owner who cannot take it now."""
    policy = board.plan.owner
    absence = board.away(rep.id)
    here = _gone(board, subject, rep.id, rep) is None and absence is not None
    away = policy.away
    if away is OwnerAway.WAIT and here:
        back = board.back(rep.id)
        if back is not None and back <= (subject.held_since or board.now) + policy.wait_at_most:
            checks.append({"level": claim.level, "rep": rep.id, "waits": back.isoformat()})
            return Owned(rep.id, claim.level, claim.pool, until=back)
        checks[-1]["waited"] = TOO_LONG
        away = policy.otherwise
    if away is not OwnerAway.BACKUP or rep.id in subject.excluded:
        return None
    return _backup(board, subject, claim, rep, checks)


def _backup(
    board: Board, subject: Subject, claim: Owned, rep: Rep, checks: list[dict[str, Any]]
) -> Owned | None:
    named = backup_of(board, rep.id)
    standing = board.plan.rep(named)
    lost = NO_BACKUP
    if named is not None and standing is not None:
        absence = board.away(named)
        lost = _gone(board, subject, named, standing) or (absence.why.value if absence else "")
    check = {"level": claim.level, "rep": named, "for": rep.id, "lost": lost or None}
    checks.append(check)
    if lost or named is None:
        return None
    return Owned(named, claim.level, claim.pool, stands_in_for=rep.id)
