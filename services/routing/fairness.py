"""Whose turn it is: the entitlement rule of a pool, in exact integers.

Every lead of a pool is one unit of entitlement, split among the members who were eligible for it by
weight. The lead goes, among the eligible whose entitlement exceeds their count, to the one whose
deadline is earliest: the moment at which the rule would owe the member the next lead if the present
rates went on. Who is absent earns nothing, so nobody is flooded on return.

Why this rule and not a pointer or smooth weighted round robin: docs/decisions/fair-turns.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

UNIT = 10**12
"""One lead. Entitlements are whole multiples of 1 / UNIT of a lead, so sums never drift, and a
64-bit column holds nine million leads of one member."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a member of a pool stands. A joiner starts even, at nothing owed and nothing given."""

    count: int = 0
    """Leads given in turn."""
    entitlement: int = 0
    """What the weights entitle to, in 1 / UNIT of a lead."""

    @property
    def deviation(self) -> Fraction:
        """Leads given beyond the entitlement; negative while the member is owed."""
        return self.count - Fraction(self.entitlement, UNIT)


EVEN = Turn()


@dataclass(frozen=True, slots=True)
class Standing:
    """One eligible member in the arithmetic of one choice: the state after the lead was shared."""

    member: str
    weight: int
    share: int
    """Of this lead, in 1 / UNIT."""
    turn: Turn

    @property
    def owed(self) -> bool:
        return self.turn.entitlement > self.turn.count * UNIT

    @property
    def lack(self) -> int:
        """Entitlement that is missing until the member's next lead is due."""
        return (self.turn.count + 1) * UNIT - self.turn.entitlement

    @property
    def deadline(self) -> Fraction:
        """Leads of the pool until the member's next one is due, at the present share."""
        return Fraction(self.lack, self.share)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets the lead, and everything that it was computed from."""

    winner: Standing
    standings: tuple[Standing, ...]
    """Every eligible member, by id."""

    def after(self) -> dict[str, Turn]:
        """The state of every eligible member once the winner has the lead."""
        turns = {standing.member: standing.turn for standing in self.standings}
        won = self.winner.turn
        turns[self.winner.member] = Turn(won.count + 1, won.entitlement)
        return turns

    def shares(self) -> dict[str, int]:
        """What this lead added to each member's entitlement, kept to be able to take it back."""
        return {standing.member: standing.share for standing in self.standings}


def shares(weights: Mapping[str, int]) -> dict[str, int]:
    """Split one lead by weight into integers that add up to :data:`UNIT` exactly.

    The remainder of the division goes, one unit each, to the first members by id: always the same
    ones for the same set, so that a member's rate does not change while the set does not.
    """
    return dict(_split(tuple(sorted(weights.items()))))


@lru_cache(maxsize=1_024)  # the same members are eligible for many leads in a row
def _split(weights: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    total = sum(weight for _, weight in weights)
    parts = [UNIT * weight // total for _, weight in weights]
    left = UNIT - sum(parts)
    return tuple(
        (member, part + (at < left))
        for at, ((member, _), part) in enumerate(zip(weights, parts, strict=True))
    )


def choose(weights: Mapping[str, int], turns: Mapping[str, Turn]) -> Choice:
    """Give one lead to one of the eligible members.

    :param weights: the eligible members and their weights, all at least 1, never empty.
    :param turns: the present state; a member without one is a joiner.
    """
    standings = _share_out(weights, turns)
    owed = [standing for standing in standings if standing.owed]
    return Choice(_earliest(owed or standings), standings)


def charge(owner: str, weights: Mapping[str, int], turns: Mapping[str, Turn]) -> dict[str, Turn]:
    """Count a lead that went to its owner outside the rotation as one of the owner's turns.

    Where the owner is not eligible the lead is the owner's alone: both count and entitlement rise.
    """
    if owner not in weights:
        turn = turns.get(owner, EVEN)
        return {owner: Turn(turn.count + 1, turn.entitlement + UNIT)}
    standings = _share_out(weights, turns)
    winner = next(standing for standing in standings if standing.member == owner)
    return Choice(winner, standings).after()


def give_back(member: str, shared: Mapping[str, int], turns: Mapping[str, Turn]) -> dict[str, Turn]:
    """Undo a turn: the lead counts as if it had never been shared out.

    The choice that follows shares it again, among those who are eligible then; so a rejected lead
    is one for which the rejecting member was not eligible.
    """
    undone = {}
    for other, share in shared.items():
        turn = turns.get(other, EVEN)
        undone[other] = Turn(turn.count - (other == member), turn.entitlement - share)
    return undone


def _share_out(weights: Mapping[str, int], turns: Mapping[str, Turn]) -> tuple[Standing, ...]:
    return tuple(
        Standing(
            member,
            weights[member],
            share,
            Turn(turns.get(member, EVEN).count, turns.get(member, EVEN).entitlement + share),
        )
        for member, share in shares(weights).items()
    )


def _earliest(standings: Sequence[Standing]) -> Standing:
    # Deadlines are compared by cross multiplication: exact, and without a Fraction per member.
    best = standings[0]
    lack = best.lack
    for standing in standings[1:]:
        candidate = standing.lack
        if candidate * best.share < lack * standing.share:
            best, lack = standing, candidate
    return best
