"""The people of one account who decide together: their roles, who is missing, what it is worth.

A purchase of this kind is decided by 6 to 10 people (Gartner's count, at second hand). What
somebody is in it follows from how high they stand and what they work on; no form says it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.kernel.vocabulary import Department, Seniority

SMALLEST, LARGEST = 6, 10
"""People in a committee."""
HALVING = 2
"""Each further person adds half of what the one before added: ten readers are no buyer."""


class BuyingRole(StrEnum):
    """What somebody does in the decision."""

    ECONOMIC_BUYER = "economic_buyer"
    """Releases the money."""
    CHAMPION = "champion"
    """Wants it and speaks for it."""
    TECHNICAL_EVALUATOR = "technical_evaluator"
    """Says whether it can be had: technology, security, law, procurement."""
    USER = "user"
    """Would work with it."""
    UNKNOWN = "unknown"


NEEDED = (BuyingRole.ECONOMIC_BUYER, BuyingRole.CHAMPION, BuyingRole.TECHNICAL_EVALUATOR)
"""Without one of each, a deal stands on one leg."""

_TOP = frozenset({Seniority.C_SUITE, Seniority.VP})
_LEADING = frozenset({Seniority.DIRECTOR, Seniority.HEAD, Seniority.MANAGER})
_NOBODY = frozenset({Seniority.INTERN, Seniority.STUDENT})
_MONEY = frozenset({Department.FINANCE, Department.GENERAL_MANAGEMENT})
_CHECKING = frozenset(
    {
        Department.IT, Department.SECURITY, Department.ENGINEERING, Department.DATA,
        Department.LEGAL, Department.PROCUREMENT,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the account, as scoring knows them."""

    lead_id: UUID
    seniority: str | None
    department: str | None
    total: int
    """Hundredths."""
    tier: str


@dataclass(frozen=True, slots=True)
class Committee:
    """What is known of an account's buyers."""

    roles: Mapping[UUID, BuyingRole]
    people: int
    """With a role; who is unknown or learns does not decide."""
    missing: tuple[BuyingRole, ...]
    completeness: float
    """0 to 1: how much of the smallest committee, every needed role among it, is known."""
    score: int
    """Of the account, in hundredths: its best lead, and half as much of each after it."""


def role_of(seniority: str | None, department: str | None) -> BuyingRole:
    """Who somebody is in the decision, from what they are in the company."""
    if seniority in _NOBODY or (seniority is None and department is None):
        return BuyingRole.UNKNOWN
    if seniority in _TOP and department not in _CHECKING:
        return BuyingRole.ECONOMIC_BUYER
    if department in _MONEY and seniority in _LEADING:
        return BuyingRole.ECONOMIC_BUYER
    if department in _CHECKING:
        return BuyingRole.TECHNICAL_EVALUATOR
    return BuyingRole.CHAMPION if seniority in _LEADING else BuyingRole.USER


def committee(people: Sequence[Person]) -> Committee:
    """The committee of one account."""
    roles = {one.lead_id: role_of(one.seniority, one.department) for one in people}
    known = [role for role in roles.values() if role is not BuyingRole.UNKNOWN]
    missing = tuple(role for role in NEEDED if role not in known)
    return Committee(
        roles=roles,
        people=len(known),
        missing=missing,
        completeness=_completeness(len(known), len(missing)),
        score=account_score([one.total for one in people]),
    )


def account_score(totals: Sequence[int]) -> int:
    """Hundredths; people who are worth nothing take nothing away."""
    ranked = sorted((total for total in totals if total > 0), reverse=True)
    return sum(total // HALVING**at for at, total in enumerate(ranked))


def _completeness(known: int, missing: int) -> float:
    """People that are known, less than the smallest committee by those that must still come."""
    return round(min(known, SMALLEST - missing) / SMALLEST, 2)
