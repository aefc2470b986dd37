"""What may change in an event without a new version. Pure functions over JSON Schemas.

Consumers upgrade first, yet both directions must hold: a new reader meets old events (replays, a
week of retention), and an old reader meets new ones (another team's consumer). So within one
version a writer may only add an optional field with a default, or a member of an open vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.base import OPEN_VOCABULARY

HOW_TO_VERSION = """\
Within one version an event may only gain an optional field with a default, or a member of an open
vocabulary (x-open-vocabulary). Everything else breaks a consumer that was not asked. Then:
  1. leave the old model as it is and add a new one whose TYPE ends in the next version (….v2);
  2. give it topics of its own in schemas/topics.py (….v2) and produce both in parallel;
  3. move the consumers, then stop producing the old version one release later.
See docs/decisions/reader-and-writer-tolerance.md."""

Schema = Mapping[str, Any]

_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "$schema", "$id", "$defs"})
_WALKED = frozenset({"properties", "required", "enum", "items", "anyOf", "prefixItems"})


def reader_view(schema: Any) -> Any:
    """The schema as a tolerant reader applies it: open objects, open vocabularies."""
    match schema:
        case {"x-open-vocabulary": _}:
            return {"type": "string"}
        case dict():
            closed = schema.get("additionalProperties") is False
            return {
                name: reader_view(value)
                for name, value in schema.items()
                if not (closed and name == "additionalProperties")
            }
        case list():
            return [reader_view(item) for item in schema]
        case _:
            return schema


def breaking_changes(released: Schema, present: Schema) -> list[str]:
    """One sentence per change that the rules above forbid; empty where the two agree."""
    return list(_Comparison(released, present).node(released, present, ""))


class _Comparison:
    def __init__(self, released: Schema, present: Schema) -> None:
        self._old_defs: Schema = released.get("$defs", {})
        self._new_defs: Schema = present.get("$defs", {})

    def node(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        open_enum = OPEN_VOCABULARY in old
        old, new = _resolved(old, self._old_defs), _resolved(new, self._new_defs)
        yield from self._keywords(old, new, path)
        yield from _members(old, new, path, open_enum)
        yield from self._properties(old, new, path)
        yield from self._nested(old, new, path)

    def _keywords(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        names = {
            name
            for name in (*old, *new)
            if name not in _ANNOTATIONS | _WALKED and not name.startswith("x-topics")
        }
        for name in sorted(names):
            before, after = old.get(name), new.get(name)
            if isinstance(before, dict) and isinstance(after, dict):
                yield from self.node(before, after, f"{path}.*")
            elif before != after:
                yield f"{_at(path)}: {name} was {before!r} and is {after!r}"

    def _properties(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        must_before, must_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() - after.keys()):
            yield f"{_at(path, name)}: the field is gone"
        for name in sorted((after.keys() - before.keys()) & must_after):
            yield f"{_at(path, name)}: a new field must be optional, with a default"
        for name in sorted(before.keys() & after.keys()):
            if name in must_before and name not in must_after:
                yield f"{_at(path, name)}: was always present and may now be absent"
            if name in must_after and name not in must_before:
                yield f"{_at(path, name)}: was optional and is now required"
            yield from self.node(before[name], after[name], f"{path}.{name}")

    def _nested(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        if "items" in old and "items" in new:
            yield from self.node(old["items"], new["items"], f"{path}[]")
        elif ("items" in old) != ("items" in new):
            yield f"{_at(path)}: the items' schema appeared or went"
        before, after = old.get("anyOf", []), new.get("anyOf", [])
        if len(before) != len(after):
            yield f"{_at(path)}: had {len(before)} alternatives and has {len(after)}"
            return
        for left, right in zip(before, after, strict=True):
            yield from self.node(left, right, path)


def _members(old: Schema, new: Schema, path: str, open_enum: bool) -> Iterator[str]:
    before, after = set(old.get("enum", ())), set(new.get("enum", ()))
    for gone in sorted(before - after):
        yield f"{_at(path)}: the member {gone!r} is gone"
    if not open_enum:
        for added in sorted(after - before):
            yield f"{_at(path)}: the member {added!r} is new in a closed vocabulary"


def _resolved(node: Schema, definitions: Schema) -> Schema:
    reference = node.get("$ref")
    if reference is None:
        return node
    target: Schema = definitions[str(reference).rpartition("/")[2]]
    return {**target, **{name: value for name, value in node.items() if name != "$ref"}}


def _at(path: str, name: str = "") -> str:
    return ".".join(part for part in (path.lstrip("."), name) if part) or "the event"
