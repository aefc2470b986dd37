"""A pydantic error as a person wants to read it: where in the file, what, and what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import core_schema

from services.runtime.yamltext import Path

_QUOTED = re.compile(r"'([^']*)'")
_PYDANTIC = frozenset(get_args(core_schema.ErrorType))
_SHOWN = 60
_MISSING = "missing"
_NO_UNION: tuple[Path, str] = (("",), "")
_PLAIN = {
    "model_type": "should be a mapping",
    "model_attributes_type": "should be a mapping",
    "dict_type": "should be a mapping",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "set_type": "should be a list",
    "string_type": "should be a text",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
}


@dataclass(frozen=True, slots=True)
class _Problem:
    path: Path
    branch: tuple[Path, str] | None
    """Where a union began and which of its members this is about."""
    message: str
    meant: str | None = None
    """For an unknown field, the one that was probably meant; for a missing one, its name."""


def explain(model: type[BaseModel], data: Any, error: ValidationError) -> list[tuple[Path, str]]:
    """Every fault of ``error`` with its path in ``data``, the document that ``model`` refused."""
    problems = [
        problem
        for fault in error.errors(include_url=False)
        for problem in _problems(model, data, dict(fault))
    ]
    return [(p.path, p.message) for p in _one_branch(problems)]


def _problems(model: type[BaseModel], data: Any, fault: dict[str, Any]) -> Iterator[_Problem]:
    named = fault["type"] == "missing" or fault["type"] not in _PYDANTIC
    path, branch = _place(data, fault["loc"], named=named)
    raised = fault.get("ctx", {}).get("error")
    if hasattr(raised, "faults"):
        for inner, message in raised.faults:
            yield _Problem((*path, *inner), branch, str(message))
        return
    inner = tuple(getattr(raised, "path", ()) or ())
    yield _Problem((*path, *inner), branch, *_message(model, path, fault))


def _place(
    data: Any, location: Sequence[str | int], *, named: bool
) -> tuple[Path, tuple[Path, str] | None]:
    """The path of a pydantic location: what it names beyond the document are union members.

    ``named``: its last part is a field of ours, also where the document has no such thing.
    """
    here = data
    path: list[str | int] = []
    branch: tuple[Path, str] | None = None
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(here, Mapping) and part in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif last and named and "[" not in str(part):
            here = None
        elif part == "[key]":
            continue
        else:
            branch = branch or (tuple(path), str(part))
            continue
        path.append(part)
    return tuple(path), branch


def _one_branch(problems: list[_Problem]) -> Iterator[_Problem]:
    """Of a union that nothing matched, only the member that came nearest; equals are joined."""
    unions: dict[Path, dict[str, list[_Problem]]] = {}
    for problem in problems:
        place, member = problem.branch or _NO_UNION
        unions.setdefault(place, {}).setdefault(member, []).append(problem)
    yield from _without_misspelt(unions.pop(_NO_UNION[0], {}).pop(_NO_UNION[1], []))
    for members in unions.values():
        ranked = sorted(map(_without_misspelt, members.values()), key=_nearness)
        nearest = [found for found in ranked if _nearness(found) == _nearness(ranked[0])]
        if len(nearest) > 1 and all(len(found) == 1 for found in nearest):
            first = nearest[0][0]
            texts = dict.fromkeys(found[0].message for found in nearest)
            yield _Problem(first.path, None, " or ".join(texts))
        else:
            yield from nearest[0]


def _without_misspelt(problems: list[_Problem]) -> list[_Problem]:
    """A field that is only misspelt is not missing as well."""
    misspelt = {(*p.path[:-1], p.meant) for p in problems if p.meant and p.message != _MISSING}
    return [p for p in problems if p.message != _MISSING or p.path not in misspelt]


def _nearness(problems: list[_Problem]) -> tuple[int, int]:
    """Smaller is nearer: faults deep inside mean that the outer shape was right."""
    return -max(len(problem.path) for problem in problems), len(problems)


def _message(model: type[BaseModel], path: Path, fault: dict[str, Any]) -> tuple[str, str | None]:
    given = fault.get("input")
    context = fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            return _MISSING, str(path[-1]) if path else None
        case "extra_forbidden":
            meant = _near(str(path[-1]), _fields(model, path[:-1]))
            return f"unknown field{_did_you_mean(meant)}", meant
        case "enum" | "literal_error":
            return _not_one_of(given, str(context.get("expected", ""))), None
        case "union_tag_invalid":
            return _not_one_of(context.get("tag"), str(context.get("expected_tags", ""))), None
        case kind:
            message = _PLAIN.get(kind) or str(fault["msg"])
            if not message.startswith(("Input should be", "should be")):
                return message.removeprefix("Value error, "), None
            message = message.removeprefix("Input ")
            if isinstance(given, (dict, list, BaseModel)):
                return message, None
            quotes = kind == "string_type" and given is not None
            return f"{message}, not {_shown(given)}{'; put it in quotes' if quotes else ''}", None


def _not_one_of(given: object, expected: str) -> str:
    meant = _near(str(given), _QUOTED.findall(expected))
    return f"{_shown(given)} is not one of {expected}{_did_you_mean(meant)}"


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _near(given: str, known: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(given, known, 1, 0.6)), None)


def _did_you_mean(meant: str | None) -> str:
    return f"; did you mean {meant}?" if meant else ""


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    """Names that a mapping at ``path`` may hold, over all members of unions on the way."""
    level: list[Any] = [model]
    for part in path:
        level = [inner for annotation in level for inner in _step(annotation, part)]
    models = [m for annotation in level for m in _flat(annotation) if _is_model(m)]
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def _step(annotation: Any, part: str | int) -> Iterator[Any]:
    for member in _flat(annotation):
        arguments = get_args(member)
        if _is_model(member):
            for name, field in member.model_fields.items():
                if part in (name, field.alias):
                    yield field.annotation
        elif isinstance(part, int) and arguments:
            # tuple[A, B] by position; list[A] and tuple[A, ...] always A
            yield (
                arguments[part]
                if part < len(arguments) and Ellipsis not in arguments
                else arguments[0]
            )
        elif len(arguments) == 2:
            yield arguments[1]


def _flat(annotation: Any) -> Iterator[Any]:
    """The members of unions and what stands inside ``Annotated``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _flat(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _flat(member)
    elif hasattr(annotation, "__value__"):  # a `type` alias
        yield from _flat(annotation.__value__)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
