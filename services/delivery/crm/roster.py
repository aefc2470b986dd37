"""Who is who in the CRM: its owners beside the people of ``teams.yaml``. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from services.delivery.crm.model import Owner


@dataclass(frozen=True, slots=True)
class Person:
    """A rep as ``teams.yaml`` has them."""

    rep_id: str
    email: str
    owner_id: str | None = None
    """The CRM's id, where ``teams.yaml`` says it."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rep and what the CRM has of them."""

    rep: str
    email: str
    owner_id: str | None
    owner: str | None
    found_by: str
    """``teams.yaml`` (its id), ``email``, or why there is none: ``missing``, ``several``,
    ``inactive``, ``unknown_id`` (teams.yaml names an id that the CRM does not have)."""
    note: str = ""

    @property
    def is_found(self) -> bool:
        return self.found_by in ("teams.yaml", "email")


@dataclass(frozen=True, slots=True)
class Roster:
    """The comparison."""

    reps: tuple[Match, ...]
    strangers: tuple[Owner, ...]
    """Active owners in the CRM who are nobody in ``teams.yaml``."""

    def described(self) -> dict[str, Any]:
        return {
            "reps": [asdict(one) for one in self.reps],
            "strangers": [asdict(one) for one in self.strangers],
        }


def compare(people: Iterable[Person], owners: Iterable[Owner]) -> Roster:
    """Each rep with the owner that they are; and the owners who are no rep."""
    by_id = {one.owner_id: one for one in owners}
    by_email: dict[str, list[Owner]] = defaultdict(list)
    for one in by_id.values():
        if one.email:
            by_email[one.email.lower()].append(one)
    reps = tuple(_match(person, by_id, by_email[person.email.lower()]) for person in people)
    taken = {match.owner_id for match in reps}
    return Roster(reps, tuple(_strangers(by_id.values(), taken)))


def _match(person: Person, by_id: dict[str, Owner], same: list[Owner]) -> Match:
    if person.owner_id is not None:
        named = by_id.get(person.owner_id)
        if named is None:
            return Match(person.rep_id, person.email, person.owner_id, None, "unknown_id")
        others = [one.owner_id for one in same if one.owner_id != person.owner_id]
        note = f"by address it would be {', '.join(others)}" if others else ""
        return _of(person, named, "teams.yaml", note)
    active = [one for one in same if one.active]
    if len(active) == 1:
        return _of(person, active[0], "email")
    why = "several" if active else "inactive" if same else "missing"
    return Match(person.rep_id, person.email, None, None, why)


def _of(person: Person, owner: Owner, by: str, note: str = "") -> Match:
    if not owner.active:
        return Match(person.rep_id, person.email, owner.owner_id, owner.name, "inactive", note)
    return Match(person.rep_id, person.email, owner.owner_id, owner.name, by, note)


def _strangers(owners: Iterable[Owner], taken: set[str | None]) -> Iterator[Owner]:
    for one in sorted(owners, key=lambda one: (one.name, one.owner_id)):
        if one.active and one.owner_id not in taken:
            yield one
