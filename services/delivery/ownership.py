"""Whether an owner may be written into a CRM: compare, then set. Pure.

An owner whom we wrote, or none, is ours to change. Any other owner is a person's decision: it
stays, and comes back as a request to the router. What we wrote ourselves is an echo, and no news.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from schemas.assignment import AssignmentChanged


class Verdict(StrEnum):
    """What to do about the owner that stands there."""

    WRITE = "write"
    ALREADY = "already"
    """It is the one that we want."""
    THEIRS = "theirs"
    """Somebody chose another."""


def owners_of(
    events: Iterable[AssignmentChanged], system: str, by_email: Mapping[str, str]
) -> frozenset[str]:
    """Ids of the owners that assignments name in a CRM.

    :param by_email: address in small letters to the CRM's id, for reps who have none in
        ``teams.yaml``.
    """
    found = (
        event.rep.external_ids.get(system) or by_email.get(event.rep.email.lower())
        for event in events
        if event.rep is not None
    )
    return frozenset(id_ for id_ in found if id_)


def is_a_persons_choice(there: str | None, ours: Collection[str]) -> bool:
    """Whether an owner in the CRM is one whom a person chose.

    :param ours: whom we wrote, whom we want, and whom we are writing. Nobody is nobody's choice: a
        lead without an owner there is written again with its next message.
    """
    return bool(there) and there not in ours


def judge(
    there: str | None, wanted: str, written: str | None, attempted: Collection[str] = ()
) -> Verdict:
    """Compare the owner in the CRM with ours.

    :param there: id of the owner there; empty or None for nobody.
    :param wanted: id of the owner that the assignment names.
    :param written: what we wrote last for this lead, if ever.
    :param attempted: what we may have written since: attempts that nobody heard the end of.
    """
    if there == wanted:
        return Verdict.ALREADY
    if not there or there == written or there in attempted:
        return Verdict.WRITE
    return Verdict.THEIRS
