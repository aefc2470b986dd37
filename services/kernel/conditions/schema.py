"""The rule language as JSON Schema (2020-12), for editors that complete and check while typing."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from services.kernel.conditions.nodes import (
    COUNTS,
    LENGTHS,
    OPERATORS,
    PARTS,
    PRESENCE,
    SETS,
    TAGGED,
    Op,
)
from services.kernel.conditions.wants import MAX_MEMBERS, MAX_PARTS
from services.kernel.durations import Duration
from services.kernel.fields import MOST_ACTIVITIES, Field, FieldKind, FieldSet

Schema = dict[str, Any]

_LENGTH: Schema = TypeAdapter(Duration).json_schema()


def condition_schema(fields: FieldSet, itself: Schema) -> Schema:
    """:param itself: the reference by which the schema of a nested condition is found."""
    properties: Schema = {
        "all": _group(itself, "every one of these must hold"),
        "any": _group(itself, "at least one of these must hold"),
        "not": {**itself, "description": "this must not hold"},
    }
    properties |= {one.name: _field(one) for one in fields}
    if fields.counted:
        properties["activities"] = _activities(fields.counted)
    families = {f"^{one.name.replace('.', '[.]')}.+": _field(one) for one in fields.families}
    return {
        "type": "object",
        "title": "Condition",
        "description": "Every entry must hold. A list means one of its values.",
        "properties": properties,
        "patternProperties": families,
        "additionalProperties": False,
        "minProperties": 1,
    }


def _activities(counted: tuple[Field, ...]) -> Schema:
    number: Schema = {"type": "integer", "minimum": 0, "maximum": MOST_ACTIVITIES}
    operators = {
        "type": "object",
        "properties": {op.value: _operand(op, number) for op in COUNTS},
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {
        "type": "object",
        "description": "so many activities of this sort; at least one where no count is named",
        "properties": {
            **{one.name: _field(one) for one in counted},
            "within": _LENGTH,
            "count": {"anyOf": [number, operators]},
        },
        "additionalProperties": False,
        "minProperties": 1,
    }


def _group(itself: Schema, description: str) -> Schema:
    return {"type": "array", "items": itself, "minItems": 1, "description": description}


def _field(field: Field) -> Schema:
    value = _value(field)
    operators = {
        "type": "object",
        "properties": {op.value: _operand(op, value) for op in OPERATORS[field.kind]},
        "additionalProperties": False,
        "minProperties": 1,
    }
    if field.kind is FieldKind.INSTANT:
        return {"description": field.description, **operators}
    short = [value]
    if {Op.IN, Op.ANY_OF} & set(OPERATORS[field.kind]):
        short.append(_list(value, MAX_MEMBERS))
    return {"description": field.description, "anyOf": [*short, operators]}


def _operand(op: Op, value: Schema) -> Schema:
    if op in PRESENCE:
        return {"type": "boolean"}
    if op in SETS:
        return _list(value, MAX_MEMBERS)
    if op in LENGTHS:
        return _LENGTH
    if op is Op.BETWEEN:
        return {"type": "array", "items": value, "minItems": 2, "maxItems": 2}
    if op in PARTS | TAGGED:
        return {"anyOf": [value, _list(value, MAX_PARTS)]}
    return value


def _list(value: Schema, most: int) -> Schema:
    return {"type": "array", "items": value, "minItems": 1, "maxItems": most}


def _value(field: Field) -> Schema:
    match field.kind:
        case FieldKind.NUMBER:
            return {"type": "number"}
        case FieldKind.FLAG:
            return {"type": "boolean"}
        case FieldKind.INSTANT:
            return {"type": "string", "description": "a date or a time, ISO 8601"}
        case FieldKind.TEXT | FieldKind.TAGS:
            return {"type": "string", "minLength": 1}
        case FieldKind.CHOICE:
            return {"enum": list(field.members)}
        case FieldKind.COUNTRY:
            # A pattern, not the list: 249 codes in each place would make the schema 80 kB.
            return {"type": "string", "pattern": "^[A-Za-z]{2}$"}
