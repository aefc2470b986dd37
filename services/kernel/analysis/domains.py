"""What one question of a rule demands of its field: the values that answer it as wished.

A field is missing or has a value. Each demand is exact or too wide, never too narrow: so what is
found to be impossible is impossible.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from services.kernel.analysis.spans import EVERY, Spans, above, at_least, between, points
from services.kernel.analysis.words import TagSets, Words, having, lacking, listed
from services.kernel.conditions.nodes import PARTS, PRESENCE, Count, Leaf, Op
from services.kernel.fields import FieldKind


class Goal(Enum):
    """How a condition is to come out. ``NOT_TRUE`` is false or unknown."""

    TRUE = "true"
    FALSE = "false"
    NOT_TRUE = "not true"
    NOT_FALSE = "not false"

    @property
    def negated(self) -> Goal:
        """What a condition's negation must be for this."""
        return _NEGATED[self]

    @property
    def opposite(self) -> Goal:
        """Every outcome that is not this."""
        return _OPPOSITE[self]

    @property
    def unknown(self) -> bool:
        """Whether the unknown is as wished."""
        return self in (Goal.NOT_TRUE, Goal.NOT_FALSE)

    @property
    def holds(self) -> bool:
        """Whether a known answer must be yes."""
        return self in (Goal.TRUE, Goal.NOT_FALSE)


_NEGATED = {
    Goal.TRUE: Goal.FALSE,
    Goal.FALSE: Goal.TRUE,
    Goal.NOT_TRUE: Goal.NOT_FALSE,
    Goal.NOT_FALSE: Goal.NOT_TRUE,
}
_OPPOSITE = {
    Goal.TRUE: Goal.NOT_TRUE,
    Goal.FALSE: Goal.NOT_FALSE,
    Goal.NOT_TRUE: Goal.TRUE,
    Goal.NOT_FALSE: Goal.FALSE,
}


@dataclass(frozen=True, slots=True)
class Moments:
    """Points in time, by their age and by the calendar, each for itself."""

    age: Spans = EVERY
    at: Spans = EVERY

    @property
    def empty(self) -> bool:
        return self.age.empty or self.at.empty

    def meet(self, other: Moments) -> Moments:
        return Moments(self.age.meet(other.age), self.at.meet(other.at))


@dataclass(frozen=True, slots=True)
class Numbers:
    """A count lies between two bounds: all of what lies between is in ``must``, and of each of
    ``reaches`` at least one number lies between them."""

    must: Spans = EVERY
    reaches: tuple[Spans, ...] = ()

    @property
    def empty(self) -> bool:
        return self.must.empty or any(self.must.meet(one).empty for one in self.reaches)

    def meet(self, other: Numbers) -> Numbers:
        return Numbers(self.must.meet(other.must), self.reaches + other.reaches)


Values = Spans | Words | TagSets | Moments | Numbers


@dataclass(frozen=True, slots=True)
class Demand:
    """What a field may be."""

    missing: bool
    values: Values | None
    """None: any value."""
    present: bool = True
    """False: it must be missing."""

    @property
    def empty(self) -> bool:
        return not self.missing and (
            not self.present or (self.values is not None and self.values.empty)
        )

    def excludes(self, other: Demand) -> bool:
        """Whether nothing is allowed by both; as ``meet``, made quick for the usual values."""
        if self.missing or other.missing:
            return self.meet(other).empty
        match self.values, other.values:
            case Words(only=True) as mine, Words(only=True) as others:
                return mine.listed.isdisjoint(others.listed)
            case Spans(spans=((low, high),)), Spans(spans=((other_low, other_high),)):
                return low > other_high or other_low > high
            case _:
                return self.meet(other).empty

    def meet(self, other: Demand) -> Demand:
        """What both allow."""
        mine, others = self.values, other.values
        values: Any
        if mine is None or others is None:
            values = others if mine is None else mine
        else:
            values = cast("Any", mine).meet(others)
        return Demand(
            self.missing and other.missing, values, present=self.present and other.present
        )


def demand_of(leaf: Leaf, goal: Goal) -> Demand:
    """Which values of the field bring the question to ``goal``."""
    if leaf.op in PRESENCE:
        present = goal.holds is (leaf.op is Op.EXISTS)
        return Demand(not present and not leaf.about.closed, None, present=present)
    return Demand(goal.unknown and not leaf.about.closed, values=_values(leaf, goal.holds))


def count_demand(node: Count, goal: Goal) -> Demand:
    """The same for a count; what several limits ask of it at once is one set."""
    wanted = EVERY
    for leaf in node.count:
        wanted = wanted.meet(_numbers(leaf))
    wanted = wanted if goal.holds else wanted.opposite()
    wanted = wanted.meet(at_least(0)).whole()
    values = Numbers(reaches=(wanted,)) if goal.unknown else Numbers(wanted)
    return Demand(missing=goal.unknown, values=values)


def _values(leaf: Leaf, holds: bool) -> Values:
    match leaf.about.kind:
        case FieldKind.NUMBER:
            found = _numbers(leaf)
            return found if holds else found.opposite()
        case FieldKind.INSTANT:
            return _moments(leaf, holds)
        case FieldKind.TAGS:
            return _tags(leaf, holds)
        case FieldKind.TEXT | FieldKind.CHOICE | FieldKind.COUNTRY | FieldKind.FLAG:
            return _words(leaf, holds)


def _numbers(leaf: Leaf) -> Spans:
    wants = cast("tuple[float, ...]", leaf.want if isinstance(leaf.want, tuple) else (leaf.want,))
    match leaf.op:
        case Op.BETWEEN:
            return between(wants[0], wants[1])
        case Op.GTE:
            return at_least(wants[0])
        case Op.GT:
            return above(wants[0])
        case Op.LT:
            return at_least(wants[0]).opposite()
        case Op.LTE:
            return above(wants[0]).opposite()
        case Op.NE | Op.NOT_IN:
            return points(wants).opposite()
        case _:
            return points(wants)


def _moments(leaf: Leaf, holds: bool) -> Moments:
    want = cast("float", leaf.want)
    match leaf.op:
        case Op.WITHIN:
            age = between(0, want)
        case Op.OLDER_THAN:
            age = above(want)
        case Op.AFTER:
            return Moments(at=at_least(want) if holds else at_least(want).opposite())
        case _:
            return Moments(at=at_least(want).opposite() if holds else at_least(want))
    return Moments(age=age if holds else age.opposite())


def _words(leaf: Leaf, holds: bool) -> Words:
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    wanted = [one.casefold() if isinstance(one, str) else one for one in wants]
    if leaf.op in PARTS:
        parts = [(leaf.op, str(one)) for one in wanted]
        return having(parts) if holds else lacking(parts)
    inside = holds is (leaf.op in (Op.EQ, Op.IN))
    everything = _everything(leaf)
    if inside:
        return listed(wanted)
    if everything is not None:
        return listed(everything - set(wanted))
    return Words(frozenset(wanted))


def _everything(leaf: Leaf) -> frozenset[object] | None:
    """All values that the field can have, where that is certain."""
    if leaf.about.kind is FieldKind.FLAG:
        return frozenset((True, False))
    return frozenset(leaf.about.members) if leaf.about.closed else None


def _tags(leaf: Leaf, holds: bool) -> TagSets:
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    words = frozenset(str(one).casefold() for one in wants)
    if leaf.op is Op.ALL_OF:
        each = tuple(frozenset((word,)) for word in words)
        return TagSets(some=each) if holds else TagSets(lacks=(words,))
    some = holds is (leaf.op is Op.ANY_OF)
    return TagSets(some=(words,)) if some else TagSets(none=words)
