"""Sets of texts, and of lists of words, as conditions can tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.kernel.conditions.nodes import Op

Part = tuple[Op, str]
"""``contains``, ``starts_with`` or ``ends_with``, and of what."""

_MATCHES: dict[Op, Callable[[str, str], bool]] = {
    Op.CONTAINS: lambda text, part: part in text,
    Op.STARTS_WITH: str.startswith,
    Op.ENDS_WITH: str.endswith,
}


@dataclass(frozen=True, slots=True)
class Words:
    """Texts that are listed, or all but the listed, and of those what their parts allow.

    ``empty`` is certain; a set that is called not empty may be.
    """

    listed: frozenset[object] = frozenset()
    only: bool = False
    """True: only the listed; False: all but the listed."""
    must: tuple[frozenset[Part], ...] = ()
    """Of each of these, at least one part is there."""
    never: frozenset[Part] = frozenset()
    """None of these parts is there."""

    @property
    def empty(self) -> bool:
        if self.only:
            return not self.listed
        return any(all(self._impossible(part) for part in group) for group in self.must)

    def meet(self, other: Words) -> Words:
        """What is in both."""
        must, never = self.must + other.must, self.never | other.never
        if not self.only and not other.only:
            return Words(self.listed | other.listed, False, must, never)
        if self.only and other.only:
            kept = self.listed & other.listed
        elif self.only:
            kept = self.listed - other.listed
        else:
            kept = other.listed - self.listed
        return Words(frozenset(one for one in kept if _fits(one, must, never)), True)

    def _impossible(self, part: Part) -> bool:
        """A text with this part would have one that it must not have, or lack the start it must."""
        if any(_follows(part, other) for other in self.never):
            return True
        alone = [group for group in self.must if len(group) == 1]
        return any(_clash(part, other) for group in alone for other in group)


def listed(values: Iterable[object]) -> Words:
    """These and no others."""
    return Words(frozenset(values), True)


def having(parts: Iterable[Part]) -> Words:
    """Texts with at least one of these parts."""
    return Words(must=(frozenset(parts),))


def lacking(parts: Iterable[Part]) -> Words:
    """Texts with none of these parts."""
    return Words(never=frozenset(parts))


def _fits(value: object, must: tuple[frozenset[Part], ...], never: frozenset[Part]) -> bool:
    if not isinstance(value, str):
        return True
    has = [any(_MATCHES[op](value, part) for op, part in group) for group in must]
    return all(has) and not any(_MATCHES[op](value, part) for op, part in never)


def _follows(part: Part, other: Part) -> bool:
    """Whether every text with ``part`` has ``other`` as well."""
    op, text = part
    other_op, other_text = other
    if other_op is Op.CONTAINS:
        return other_text in text
    return op is other_op and _MATCHES[op](text, other_text)


def _clash(part: Part, other: Part) -> bool:
    """Whether no text has both: two different starts, or ends."""
    op, text = part
    other_op, other_text = other
    if op is not other_op or op is Op.CONTAINS:
        return False
    return not _MATCHES[op](text, other_text) and not _MATCHES[op](other_text, text)


@dataclass(frozen=True, slots=True)
class TagSets:
    """Lists of words by what they hold. ``empty`` is certain."""

    some: tuple[frozenset[str], ...] = ()
    """Of each of these, at least one word."""
    none: frozenset[str] = frozenset()
    lacks: tuple[frozenset[str], ...] = ()
    """Of each of these, at least one word is not there."""

    @property
    def empty(self) -> bool:
        sure = {next(iter(group)) for group in self.some if len(group) == 1}
        return any(group <= self.none for group in self.some) or any(
            group <= sure for group in self.lacks
        )

    def meet(self, other: TagSets) -> TagSets:
        """What is in both."""
        return TagSets(self.some + other.some, self.none | other.none, self.lacks + other.lacks)
