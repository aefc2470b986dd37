"""Whose turn it is: the entitlement rule of a pool, in exact integers.

Every lead of a pool is one unit of entitlement, split among the members who were eligible for it by
weight. The lead goes, among the eligible whose entitlement exceeds their count, to the one whose
deadline is earliest: the moment at which the rule would owe the member the next lead if the present
rates went on. Who is absent earns nothing, so nobody is flooded on return.

Why this rule and not a pointer or smooth weighted round robin: docs/decisions/fair-turns.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from operator import add
from typing import NamedTuple

UNIT = 10**12
"""One lead. Entitlements are whole multiples of 1 / UNIT of a lead, so sums never drift, and a
64-bit column holds nine million leads of one member."""


class Turn(NamedTuple):
    """Where a member of a pool stands. A joiner starts even, at nothing owed and nothing given."""

    count: int = 0  # type: ignore[assignment]  # tuple.count is not wanted here
    """Leads given in turn."""
    entitlement: int = 0
    """What the weights entitle to, in 1 / UNIT of a lead."""

    @property
    def deviation(self) -> Fraction:
        """Leads given beyond the entitlement; negative while the member is owed."""
        return self.count - Fraction(self.entitlement, UNIT)


EVEN = Turn()


class Weights(dict[str, int]):
    """Who shares a lead, each with a weight of at least 1; not changed once it was asked."""

    @classmethod
    def of(cls, members: Sequence[str], told: int | Sequence[int]) -> Weights:
        """From members and what :attr:`told` said of them, in the order of the members."""
        if isinstance(told, int):
            return cls(dict.fromkeys(members, told))
        return cls(zip(members, told, strict=True))

    @cached_property
    def split(self) -> tuple[tuple[str, int], ...]:
        """Each member's part of a lead, by id; worked out once, as many leads are shared so."""
        return _split(tuple(sorted(self.items())))

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Who shares it, by id."""
        return tuple(member for member, _ in self.split)

    @cached_property
    def parts(self) -> tuple[int, ...]:
        """Their parts of a lead, in the same order."""
        return tuple(part for _, part in self.split)

    @cached_property
    def even(self) -> bool:
        """Whether all get the same."""
        return len(set(self.parts)) == 1

    @cached_property
    def told(self) -> int | tuple[int, ...]:
        """The weights by id; one number where all have the same."""
        each = tuple(self[member] for member in self.members)
        return each[0] if len(set(each)) == 1 else each


@dataclass(frozen=True, slots=True)
class Stand:
    """Where some members stand, in columns."""

    members: tuple[str, ...]
    counts: tuple[int, ...]
    entitlements: tuple[int, ...]

    def turns(self) -> dict[str, Turn]:
        """The same, member by member."""
        rows = zip(self.counts, self.entitlements, strict=True)
        return dict(zip(self.members, map(Turn._make, rows), strict=True))


class Turns(Mapping[str, Turn]):
    """Where everybody of a rotation stands.

    Each lead changes all members, hundreds in a large pool, and the next is mostly shared by the
    same ones. So what was put last stays in columns until a member is asked for.
    """

    def __init__(self, known: Mapping[str, Turn] | None = None) -> None:
        self._known = dict(known or {})
        self._last: Stand | None = None

    def stand(self, members: tuple[str, ...]) -> Stand:
        """Where these stand; a member who is not known is a joiner."""
        if self._last is not None and self._last.members == members:
            return self._last
        known = self._spread()
        counts, entitlements = zip(*[known.get(one, EVEN) for one in members], strict=True)
        return Stand(members, counts, entitlements)

    def put(self, stand: Stand) -> None:
        """Where these members stand from now on."""
        if self._last is not None and self._last.members != stand.members:
            self._spread()
        self._last = stand

    def _spread(self) -> dict[str, Turn]:
        if self._last is not None:
            self._known.update(self._last.turns())
            self._last = None
        return self._known

    def __getitem__(self, member: str) -> Turn:
        return self._spread()[member]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spread())

    def __len__(self) -> int:
        return len(self._spread())


@dataclass(frozen=True, slots=True)
class Standing:
    """One eligible member in the arithmetic of one choice: the state after the lead was shared."""

    member: str
    weight: int
    share: int
    """Of this lead, in 1 / UNIT."""
    turn: Turn

    @property
    def deadline(self) -> Fraction:
        """Leads of the pool until the member's next one is due, at the present share."""
        return Fraction((self.turn.count + 1) * UNIT - self.turn.entitlement, self.share)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets the lead, and everything that it was computed from."""

    winner: str
    weights: Weights
    before: Stand
    """Where every eligible member stood before the lead was shared, by id."""

    def after(self) -> Stand:
        """The state of every eligible member once the winner has the lead."""
        before, at = self.before, self.before.members.index(self.winner)
        counts = (*before.counts[:at], before.counts[at] + 1, *before.counts[at + 1 :])
        entitlements = tuple(map(add, before.entitlements, self.weights.parts))
        return Stand(before.members, counts, entitlements)

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Every eligible member, by id."""
        return tuple(
            Standing(member, self.weights[member], share, Turn(count, entitlement + share))
            for (member, share), count, entitlement in zip(
                self.weights.split, self.before.counts, self.before.entitlements, strict=True
            )
        )


@dataclass(frozen=True, slots=True)
class GivenTurn:
    """The turn that an attempt cost, kept so that it can be given back exactly."""

    pool: str
    group: str
    members: tuple[str, ...]
    """Who shared the lead."""
    weights: int | tuple[int, ...]
    """Of each, in the same order; one number where all had the same."""
    returned: bool = False

    @classmethod
    def of(cls, pool: str, group: str, weights: Weights) -> GivenTurn:
        return cls(pool, group, weights.members, weights.told)

    @property
    def shares(self) -> dict[str, int]:
        """What the lead added to the entitlement of each, in 1 / UNIT of a lead."""
        return shares(Weights.of(self.members, self.weights))


def shares(weights: Mapping[str, int]) -> dict[str, int]:
    """Split one lead by weight into integers that add up to :data:`UNIT` exactly.

    The remainder of the division goes, one unit each, to the first members by id: always the same
    ones for the same set, so that a member's rate does not change while the set does not.
    """
    return dict(as_weights(weights).split)


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
    weights = as_weights(weights)
    before = _stand(weights, turns)
    return Choice(_earliest(weights, before), weights, before)


def charge(owner: str, weights: Mapping[str, int], turns: Mapping[str, Turn]) -> Choice:
    """Count a lead that went to its owner outside the rotation as one of the owner's turns.

    Where the owner is not eligible the lead is the owner's alone: both count and entitlement rise.
    """
    weights = as_weights(weights if owner in weights else {owner: 1})
    return Choice(owner, weights, _stand(weights, turns))


def give_back(member: str, shared: Mapping[str, int], turns: Mapping[str, Turn]) -> Stand:
    """Undo a turn: the lead counts as if it had never been shared out.

    The choice that follows shares it again, among those who are eligible then; so a rejected lead
    is one for which the rejecting member was not eligible.
    """
    stood = {other: turns.get(other, EVEN) for other in shared}
    counts = tuple(turn.count - (other == member) for other, turn in stood.items())
    entitlements = tuple(turn.entitlement - shared[other] for other, turn in stood.items())
    return Stand(tuple(stood), counts, entitlements)


def as_weights(weights: Mapping[str, int]) -> Weights:
    """The same, to be asked for what each gets."""
    return weights if isinstance(weights, Weights) else Weights(weights)


def _stand(weights: Weights, turns: Mapping[str, Turn]) -> Stand:
    known = turns if isinstance(turns, Turns) else Turns(turns)
    return known.stand(weights.members)


def _earliest(weights: Weights, before: Stand) -> str:
    """The earliest deadline among those who are owed a lead, or among all where nobody is.

    What a member lacks is the entitlement that is missing until the next lead is due; who is owed
    one lacks less than a whole lead. Who lacks least is first where all get the same. Else
    deadlines are compared by cross multiplication: exact, without a fraction per member.
    """
    if weights.even:
        stood = zip(before.counts, before.entitlements, strict=True)
        lacks = [count * UNIT - entitlement for count, entitlement in stood]
        return weights.members[lacks.index(min(lacks))]
    winner, best_lack, best_share, best_owed = weights.members[0], 0, 0, False
    rows = zip(weights.split, before.counts, before.entitlements, strict=True)
    for (member, share), count, entitlement in rows:
        lack = (count + 1) * UNIT - entitlement - share
        owed = lack < UNIT
        if best_share and (
            owed < best_owed or (owed == best_owed and lack * best_share >= best_lack * share)
        ):
            continue
        winner, best_lack, best_share, best_owed = member, lack, share, owed
    return winner
