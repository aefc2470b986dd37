"""YAML as data with the line of every value, in the safe and unsurprising subset.

The core schema of YAML 1.2: ``no`` is Norway and not false, ``09:30`` a text and not a number of
seconds. Refused: duplicate keys, tags, merge keys, several documents, and whatever is too large,
too deep or multiplied by aliases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]

MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 40
MAX_VALUES: Final = 100_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, object]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class YamlError(ValueError):
    """The text is not YAML of our subset; ``line`` counts from 1."""

    def __init__(self, line: int, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.line = line
        self.path = path


@dataclass(slots=True)
class Yaml:
    """The data of one text and where each part of it stands."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    duplicates: list[YamlError] = field(default_factory=list)


@dataclass(slots=True)
class _Node:
    line: int
    value: Any
    """A scalar, a list of nodes, or a list of (key, key's line, node)."""
    mapping: bool = False


def read(text: str) -> Yaml:
    """Parse ``text``.

    :raises YamlError: at the first fault; duplicate keys are collected in ``duplicates`` instead,
        so that they are reported together with the faults of the content.
    """
    if len(text) > MAX_BYTES:
        raise YamlError(1, f"larger than {MAX_BYTES // 1024} KiB")
    try:
        root = _Composer(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(mark.line + 1 if mark else 1, f"not YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, f"not YAML: {error.reason}") from None
    builder = _Builder()
    builder.out.data = builder.build(root, ()) if root else None
    return builder.out


class _Composer:
    """Events to nodes; depth is bounded before anything recursive runs."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, _Node] = {}
        self._open: set[str] = set()

    def document(self) -> _Node | None:
        root: _Node | None = None
        documents = 0
        for event in self._events:
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise YamlError(_line(event), "more than one document")
                case yaml.StreamStartEvent() | yaml.StreamEndEvent() | yaml.DocumentEndEvent():
                    pass
                case _:
                    root = self._node(event, 0)
        return root

    def _node(self, event: Any, depth: int) -> _Node:
        line = _line(event)
        if depth > MAX_DEPTH:
            raise YamlError(line, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self._open:
                raise YamlError(line, f"*{event.anchor} contains itself")
            try:
                return self._anchors[str(event.anchor)]
            except KeyError:
                raise YamlError(line, f"*{event.anchor} has no anchor") from None
        if event.tag not in (None, "!"):
            raise YamlError(line, f"tag {event.tag} is not supported")
        node = _Node(line, None)
        if event.anchor:
            self._open.add(event.anchor)
        match event:
            case yaml.ScalarEvent():
                node.value = _scalar(event.value) if event.implicit[0] else event.value
            case yaml.SequenceStartEvent():
                node.value = [
                    self._node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)
                ]
            case _:
                node.mapping = True
                node.value = list(self._pairs(depth + 1))
        if event.anchor:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = node
        return node

    def _pairs(self, depth: int) -> Iterator[tuple[str, int, _Node]]:
        for event in self._until(yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise YamlError(_line(event), "a key must be a plain text")
            if event.value == "<<" and event.implicit[0]:
                raise YamlError(_line(event), "merge keys (<<) are not supported")
            yield event.value, _line(event), self._node(next(self._events), depth)

    def _until(self, end: type[Any]) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event


class _Builder:
    """Nodes to plain data, counting what aliases multiply."""

    def __init__(self) -> None:
        self.out = Yaml()
        self._values = 0

    def build(self, node: _Node, path: Path, line: int | None = None) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise YamlError(node.line, f"more than {MAX_VALUES} values", path)
        self.out.lines[path] = line or node.line
        if node.mapping:
            return self._mapping(node, path)
        if isinstance(node.value, list):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        return node.value

    def _mapping(self, node: _Node, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, line, value in node.value:
            if key in found:
                first = self.out.lines[*path, key]
                message = f"given twice; first in line {first}"
                self.out.duplicates.append(YamlError(line, message, (*path, key)))
                continue
            # An entry stands where its key stands, also when its value begins a line later.
            found[key] = self.build(value, (*path, key), line)
        return found


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= 20 else text
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
