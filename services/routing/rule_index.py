"""Which of many rules may fire for a lead, without asking each of them. Pure.

A rule that insists on one of a few words (a country, a kind, a tier) cannot fire for a lead that
has another word there. Rules are filed under those words; for a lead only the rules under its own
words, and those that insist on none, are asked, in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import merge

from services.kernel.conditions import Facts
from services.kernel.conditions.nodes import All, Leaf, Node, Op
from services.kernel.fields import FieldKind

_WORDS = frozenset({FieldKind.TEXT, FieldKind.CHOICE, FieldKind.COUNTRY})


class RuleIndex:
    """The rules of one list by the words that they insist on."""

    __slots__ = ("_always", "_by_word", "_fields")

    def __init__(self, conditions: Sequence[Node]) -> None:
        self._by_word: dict[tuple[str, str], list[int]] = {}
        self._always: list[int] = []
        leaves = [list(_insisting(node)) for node in conditions]
        frequent = Counter(
            (leaf.field, word) for own in leaves for leaf in own for word in _words(leaf)
        )
        for at, own in enumerate(leaves):
            best = min(own, key=lambda leaf: _reach(leaf, frequent), default=None)
            if best is None:
                self._always.append(at)
                continue
            for word in sorted(_words(best)):
                self._by_word.setdefault((best.field, word), []).append(at)
        self._fields = tuple(sorted({name for name, _ in self._by_word}))

    def candidates(self, facts: Facts) -> Iterator[int]:
        """The places of the rules that may fire, in order."""
        lists = [self._always]
        for name in self._fields:
            value = facts.get(name)
            if isinstance(value, str):
                own = self._by_word.get((name, value.casefold()))
                if own is not None:
                    lists.append(own)
        return merge(*lists) if len(lists) > 1 else iter(lists[0])


def _insisting(node: Node) -> Iterator[Leaf]:
    """Questions that must come out true, for one of a few words."""
    for part in node.children if isinstance(node, All) else (node,):
        if isinstance(part, Leaf) and part.op in (Op.EQ, Op.IN) and part.about.kind in _WORDS:
            yield part


def _words(leaf: Leaf) -> frozenset[str]:
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    return frozenset(str(one).casefold() for one in wants)


def _reach(leaf: Leaf, frequent: Counter[tuple[str, str]]) -> tuple[int, str]:
    """Under how many rules a lead with one of these words would look, at worst."""
    return max(frequent[leaf.field, word] for word in _words(leaf)), leaf.field
