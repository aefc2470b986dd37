"""Why a condition came out as it did. Made on request only: it walks the whole tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.kernel.conditions.compiling import (
    Facts,
    Verdict,
    all_of,
    any_of,
    compile_leaf,
    compile_node,
    negated,
    such_of,
)
from services.kernel.conditions.counting import count_of
from services.kernel.conditions.nodes import (
    LENGTHS,
    PRESENCE,
    All,
    AnyOf,
    Count,
    Leaf,
    Node,
    Not,
    Want,
    leaves,
)
from services.kernel.durations import written
from services.kernel.faults import Path
from services.kernel.fields import ACTIVITIES, FieldKind

_WORDS = {True: "true", False: "false", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Trace:
    """The outcome of one node, with those below it."""

    path: str
    """JSON pointer from the condition down to this node; empty for the whole."""
    op: str
    """The operator of a question, else ``all``, ``any`` or ``not``."""
    result: Verdict
    field: str | None = None
    want: Want | None = None
    got: object = None
    """What the facts hold; None where they do not."""
    personal: bool = False
    children: tuple[Trace, ...] = ()

    def as_dict(self, *, identifiers: bool = False) -> dict[str, object]:
        """For JSON. Values that identify a person are left out unless asked for."""
        if self.field is None:
            below = [child.as_dict(identifiers=identifiers) for child in self.children]
            return {"path": self.path, "op": self.op, "result": self.result, "of": below}
        hidden = self.personal and not identifiers and self.got is not None
        return {
            "path": self.path,
            "field": self.field,
            "op": self.op,
            "want": list(self.want) if isinstance(self.want, tuple) else self.want,
            "got": "(personal)" if hidden else self.got,
            "result": self.result,
        }

    def deciding(self) -> Iterator[Trace]:
        """The questions that made the outcome what it is."""
        if self.field is not None:
            yield self
        for child in self.children:
            if child.result is self.result or self.op == "not":
                yield from child.deciding()

    def lines(self, indent: str = "") -> Iterator[str]:
        """For a terminal, one line per node; never shows what identifies a person."""
        yield f"{indent}{self._sentence()}: {_WORDS[self.result]}"
        for child in self.children:
            yield from child.lines(indent + "  ")

    def _sentence(self) -> str:
        if self.field is None:
            return self.op
        if self.op in PRESENCE:
            return f"{self.field} {self.op}"
        want = _joined(self.want)
        got = "missing" if self.got is None else "personal" if self.personal else f"is {self.got}"
        return f"{self.field} {self.op} {want} ({got})"


def trace(node: Node, facts: Facts) -> Trace:
    """The outcome of every node of a tree; nothing is cut short."""
    match node:
        case Count():
            return _count(node, facts)
        case Leaf():
            return Trace(
                path=_pointer(node.path),
                op=node.op.value,
                result=compile_leaf(node)(facts),
                field=node.field,
                want=_shown(node, node.want),
                got=_shown(node, facts.get(node.field)),
                personal=node.about.personal,
            )
        case Not(path=path, child=child):
            below = trace(child, facts)
            return Trace(_pointer(path), "not", negated(below.result), children=(below,))
        case All(path=path, children=children):
            found = tuple(trace(one, facts) for one in children)
            verdict = all_of([one.result for one in found])
            return Trace(_pointer(path), "all", verdict, children=found)
        case AnyOf(path=path, children=children):
            found = tuple(trace(one, facts) for one in children)
            verdict = any_of([one.result for one in found])
            return Trace(_pointer(path), "any", verdict, children=found)


def _count(node: Count, facts: Facts) -> Trace:
    bounds = count_of(node, such_of(node), facts)
    got = None if bounds is None else bounds[0] if bounds[0] == bounds[1] else list(bounds)
    return Trace(
        path=_pointer(node.path),
        op="count",
        result=compile_node(node)(facts),
        field=ACTIVITIES,
        want=worded(node),
        got=got,
    )


def worded(node: Count) -> str:
    """What is counted, and what the number must be: ``gte 3: kind eq page_view, within 7d``."""
    number = " and ".join(f"{one.op} {_joined(one.want)}" for one in node.count)
    such = [] if node.where is None else [_asked(leaf) for leaf in leaves(node.where)]
    if node.within is not None:
        such.append(f"within {written(timedelta(seconds=node.within))}")
    return f"{number}: {', '.join(such)}" if such else number


def _asked(leaf: Leaf) -> str:
    return f"{leaf.field} {leaf.op} {_joined(_shown(leaf, leaf.want))}"


def _joined(want: object) -> str:
    return ", ".join(map(str, want)) if isinstance(want, tuple) else str(want)


def _shown(leaf: Leaf, value: Any) -> Any:
    """A moment as people write it, a length of time with its unit."""
    if leaf.about.kind is not FieldKind.INSTANT or value.__class__ not in (int, float):
        return value
    if value is leaf.want and leaf.op in LENGTHS:
        return written(timedelta(seconds=value))
    return datetime.fromtimestamp(value, UTC).isoformat()


def _pointer(path: Path) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
