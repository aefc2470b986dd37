"""A simple model of routing, written from the promises alone: who may have a lead at this moment.

Slow and plain on purpose: leads and people are lists, every question is answered by going through
them. It shares no code with what it checks but the names of statuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from schemas.assignment import AssignmentStatus as S

ACTIVE = {S.ASSIGNED, S.REASSIGNED, S.ACCEPTED, S.ESCALATED}
MOST_ATTEMPTS = 3


@dataclass
class Person:
    """What the model knows of a rep."""

    weight: int
    always: bool
    paused: bool = False
    left: bool = False
    away: tuple[date, date] | None = None
    day_cap: int | None = None
    open_cap: int | None = None

    def there(self, at: datetime) -> bool:
        """Not paused, gone or on leave."""
        on_leave = self.away is not None and self.away[0] <= at.date() <= self.away[1]
        return not (self.paused or self.left or on_leave)

    def works(self, at: datetime) -> bool:
        office = at.weekday() < 5 and 9 <= at.hour < 17
        return self.there(at) and (self.always or office)


@dataclass
class Try:
    """One attempt, as it was told."""

    lead: UUID
    account: str
    status: S
    rep: str | None
    pool: str | None
    at: datetime
    rank: tuple[int, datetime, UUID]
    past: tuple[str, ...]
    returned: bool = False
    offered_until: datetime | None = None
    """Until then members may claim it, and it goes to nobody by itself."""

    def offered(self, at: datetime) -> bool:
        return self.offered_until is not None and at < self.offered_until


@dataclass
class Reference:
    """Everybody and every attempt."""

    people: dict[str, Person]
    pools: dict[str, dict[str, int]]
    tries: dict[UUID, Try] = field(default_factory=dict)
    stands_for: dict[UUID, UUID] = field(default_factory=dict)
    """Merged leads, and which lead is that person now."""

    def full(self, rep: str, at: datetime) -> bool:
        """Whether a cap of the rep is reached."""
        person = self.people[rep]
        mine = [one for one in self.tries.values() if one.rep == rep]
        today = [one for one in mine if one.at.date() == at.date() and not one.returned]
        untaken = [one for one in mine if one.status in ACTIVE - {S.ACCEPTED}]
        day = person.day_cap is not None and len(today) >= person.day_cap
        return day or (person.open_cap is not None and len(untaken) >= person.open_cap)

    def may_claim(self, rep: str, one: Try, at: datetime) -> bool:
        """Whether somebody may take a lead from the list; hours do not matter."""
        listed = one.status is S.HELD and one.pool is not None and rep in self.pools[one.pool]
        return (
            listed and self.people[rep].there(at) and not self.full(rep, at) and rep not in one.past
        )

    def person(self, lead: UUID) -> UUID:
        """The lead that stands for somebody."""
        return self.stands_for.get(lead, lead)

    def merge(self, other: UUID, survivor: UUID) -> None:
        self.stands_for[other] = survivor
        for lead, person in self.stands_for.items():
            if person == other:
                self.stands_for[lead] = survivor

    def eligible(self, pool: str, past: tuple[str, ...], at: datetime) -> set[str]:
        """Who may have a lead of a pool now."""
        return {
            rep
            for rep in self.pools[pool]
            if self.people[rep].works(at) and not self.full(rep, at) and rep not in past
        }

    def everyone_had_it(self, pool: str, past: tuple[str, ...]) -> bool:
        """Whether nobody is left in a pool who has not had a lead."""
        return all(rep in past or self.people[rep].left for rep in self.pools[pool])

    def owners(self, account: str, lead: UUID) -> set[str]:
        """Who has a colleague."""
        return {
            one.rep
            for one in self.tries.values()
            if one.account == account
            and one.lead != lead
            and one.status in ACTIVE
            and one.rep is not None
        }

    def ahead(self, pool: str, rank: tuple[int, datetime, UUID], at: datetime) -> bool:
        """Whether somebody waits who ranks before."""
        return any(
            one.status is S.HELD and one.pool == pool and one.rank < rank and not one.offered(at)
            for one in self.tries.values()
        )
