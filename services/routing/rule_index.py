"""Which of many rules may fire for a lead, without asking each of them. Pure.

A rule that insists on one of a few words (a country, a kind, a tier) cannot fire for a lead that
has another word there, nor one that insists on a least number for a lead with less. Rules are filed
under those words, and there under those numbers; for a lead only the rules under its own, and those
that insist on neither, are asked, in their order.
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

    __slots__ = ("_by_word", "_fields", "_filed", "_others")

    def __init__(self, conditions: Sequence[Node]) -> None:
        words = [list(_words_of(node)) for node in conditions]
        frequent = Counter(
            (leaf.field, word) for own in words for leaf in own for word in _members(leaf)
        )
        self._by_word: dict[tuple[str, str], _Filed] = {}
        self._others = _Filed()
        filed: list[str | None] = []
        for at, (node, own) in enumerate(zip(conditions, words, strict=True)):
            best = min(own, key=lambda leaf: _reach(leaf, frequent), default=None)
            least = next(_numbers_of(node), None)
            if best is None:
                self._others.add(at, least)
            else:
                for word in sorted(_members(best)):
                    self._by_word.setdefault((best.field, word), _Filed()).add(at, least)
            under = best or (least[0] if least is not None else None)
            filed.append(under.field if under is not None and under is _parts(node)[0] else None)
        for group in (*self._by_word.values(), self._others):
            group.close()
        self._fields = tuple(sorted({name for name, _ in self._by_word}))
        self._filed = tuple(filed)
        """Per rule: what its first part asks about, where that is what it is filed under first."""

    def candidates(self, facts: Facts) -> Sequence[int]:
        """The places of the rules that may fire, in order."""
        found = self._others.reached(facts)
        for group in self._groups(facts):
            found += group.reached(facts)
        return sorted(found)

    def lost_by_first_part(self, facts: Facts, places: Sequence[int]) -> frozenset[int]:
        """Those of the places whose rule has a first part that is false, as far as that is filed:
        it asks for another word, or a greater number, than the lead is known to have."""
        words = [name for name in self._fields if isinstance(facts.get(name), str)]
        numbers = [name for name, _, _ in self._others.least if _number(facts, name) is not None]
        told = {*words, *numbers}
        true = set(self._others.reached(facts))
        for group in self._groups(facts):
            true.update(group.every)
        return frozenset([at for at in places if self._filed[at] in told and at not in true])

    def _groups(self, facts: Facts) -> list[_Filed]:
        found = []
        for name in self._fields:
            value = facts.get(name)
            if isinstance(value, str):
                group = self._by_word.get((name, value.casefold()))
                if group is not None:
                    found.append(group)
        return found


class _Filed:
    """Rules under one word, or under none, by the number that each insists on."""

    __slots__ = ("_least", "_plain", "every", "least")

    def __init__(self) -> None:
        self.every: list[int] = []
        self._plain: list[int] = []
        self._least: dict[str, list[tuple[float, int]]] = {}
        self.least: list[tuple[str, list[float], list[int]]] = []
        """Field, and the least numbers with the rule of each, the least first."""

    def add(self, at: int, least: tuple[Leaf, float] | None) -> None:
        self.every.append(at)
        if least is None:
            self._plain.append(at)
        else:
            self._least.setdefault(least[0].field, []).append((least[1], at))

    def close(self) -> None:
        self.least = [
            (name, [limit for limit, _ in sorted(some)], [at for _, at in sorted(some)])
            for name, some in sorted(self._least.items())
        ]

    def reached(self, facts: Facts) -> list[int]:
        """Those whose number a lead reaches."""
        found = list(self._plain)
        for name, limits, places in self.least:
            value = _number(facts, name)
            if value is not None:
                found += places[: bisect_right(limits, value)]
        return found


def _number(facts: Facts, name: str) -> float | None:
    value = facts.get(name)
    return value if isinstance(value, int | float) else None


def _parts(node: Node) -> tuple[Node, ...]:
    return node.children if isinstance(node, All) else (node,)


def _words_of(node: Node) -> Iterator[Leaf]:
    """Questions that must come out true, for one of a few words."""
    for part in _parts(node):
        if isinstance(part, Leaf) and part.op in (Op.EQ, Op.IN) and part.about.kind in _WORDS:
            yield part


def _numbers_of(node: Node) -> Iterator[tuple[Leaf, float]]:
    """Questions that must come out true, for a least number, and the number."""
    for part in _parts(node):
        if isinstance(part, Leaf) and part.about.kind is FieldKind.NUMBER:
            low = part.want[0] if isinstance(part.want, tuple) else part.want
            if part.op in (Op.GT, Op.GTE, Op.BETWEEN) and isinstance(low, int | float):
                yield part, low


def _members(leaf: Leaf) -> frozenset[str]:
    wants = leaf.want if isinstance(leaf.want, tuple) else (leaf.want,)
    return frozenset(str(one).casefold() for one in wants)


def _reach(leaf: Leaf, frequent: Counter[tuple[str, str]]) -> tuple[int, str]:
    """Under how many rules a lead with one of these words would look, at worst."""
    return max(frequent[leaf.field, word] for word in _members(leaf)), leaf.field
