"""Which of many rules may fire for a lead, without asking each of them. Pure.

A rule that insists on one of a few words (a country, a kind, a tier) cannot fire for a lead that
has another word there, nor one that insists on a least number for a lead with less. Rules are filed
under those words and numbers; for a lead only the rules under its own, and those that insist on
neither, are asked, in their order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

from services.kernel.conditions import Facts
from services.kernel.conditions.nodes import All, Leaf, Node, Op
from services.kernel.fields import FieldKind

_WORDS = frozenset({FieldKind.TEXT, FieldKind.CHOICE, FieldKind.COUNTRY})


class RuleIndex:
    """The rules of one list by what they insist on."""

    __slots__ = ("_always", "_by_least", "_by_word", "_fields")

    def __init__(self, conditions: Sequence[Node]) -> None:
        self._by_word: dict[tuple[str, str], list[int]] = {}
        least: dict[str, list[tuple[float, int]]] = {}
        self._always: list[int] = []
        words = [list(_words_of(node)) for node in conditions]
        frequent = Counter(
            (leaf.field, word) for own in words for leaf in own for word in _members(leaf)
        )
        for at, (node, own) in enumerate(zip(conditions, words, strict=True)):
            best = min(own, key=lambda leaf: _reach(leaf, frequent), default=None)
            number = next(_numbers_of(node), None)
            if best is not None:
                for word in sorted(_members(best)):
                    self._by_word.setdefault((best.field, word), []).append(at)
            elif number is not None:
                least.setdefault(number[0], []).append((number[1], at))
            else:
                self._always.append(at)
        self._fields = tuple(sorted({name for name, _ in self._by_word}))
        self._by_least = [
            (name, [limit for limit, _ in sorted(some)], [at for _, at in sorted(some)])
            for name, some in sorted(least.items())
        ]

    def candidates(self, facts: Facts) -> Sequence[int]:
        """The places of the rules that may fire, in order."""
        found: list[int] = []
        for name in self._fields:
            value = facts.get(name)
            if isinstance(value, str):
                found += self._by_word.get((name, value.casefold()), ())
        for name, limits, places in self._by_least:
            value = facts.get(name)
            if isinstance(value, int | float):
                found += places[: bisect_right(limits, value)]
        return sorted([*found, *self._always]) if found else self._always


def _parts(node: Node) -> tuple[Node, ...]:
    return node.children if isinstance(node, All) else (node,)


def _words_of(node: Node) -> Iterator[Leaf]:
    """Questions that must come out true, for one of a few words."""
    for part in _parts(node):
        if isinstance(part, Leaf) and part.op in (Op.EQ, Op.IN) and part.about.kind in _WORDS:
            yield part


def _numbers_of(node: Node) -> Iterator[tuple[str, float]]:
    """Fields that must reach a number, and the number."""
    for part in _parts(node):
        if isinstance(part, Leaf) and part.about.kind is FieldKind.NUMBER:
            low = part.want[0] if isinstance(part.want, tuple) else part.want
            if part.op in (Op.GT, Op.GTE, Op.BETWEEN) and isinstance(low, int | float):
                yield part.field, low


def _members(leaf: Leaf) -> frozenset[str]:
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    return frozenset(str(one).casefold() for one in wants)


def _reach(leaf: Leaf, frequent: Counter[tuple[str, str]]) -> tuple[int, str]:
    """Under how many rules a lead with one of these words would look, at worst."""
    return max(frequent[leaf.field, word] for word in _members(leaf)), leaf.field
