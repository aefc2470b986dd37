"""A condition as a type that configuration models use."""

from __future__ import annotations

from hashlib import blake2s
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema, to_json

from services.kernel.conditions.compiling import Facts, Test, Verdict, compile_node
from services.kernel.conditions.nodes import Node, leaves
from services.kernel.conditions.noted import NotedFacts
from services.kernel.conditions.parsing import ConditionFaults, parse
from services.kernel.conditions.schema import condition_schema
from services.kernel.conditions.tracing import Trace, trace
from services.kernel.facts import ENRICHED_FIELDS, FIELDS
from services.kernel.faults import validation_error
from services.kernel.fields import FieldSet


class Condition:
    """A checked and compiled condition: call it with facts.

    As the type of a field of a pydantic model it takes the tree as YAML gives it; every fault
    becomes a validation error of its own, whose ``loc`` leads to the wrong part of the tree.
    """

    FIELDS: ClassVar[FieldSet] = FIELDS
    """What may be asked about; a subclass narrows or replaces it."""

    __slots__ = ("_test", "key", "node", "tree")

    def __init__(self, tree: object) -> None:
        """:raises ConditionFaults: with every fault of the tree."""
        self.tree = tree
        """As it was written."""
        self.node: Node = parse(tree, self.FIELDS)
        self._test: Test = compile_node(self.node)
        self.key: str | None = self._key()
        """Names a condition that asks what identifies a person, by what it asks; else None."""

    def __call__(self, facts: Facts) -> Verdict:
        """True, False, or None where the answer hangs on something that is not known.

        A rule fires on True alone.
        """
        if self.key is None:
            return self._test(facts)
        return self._personal(facts, self.key)

    def explain(self, facts: Facts) -> Trace:
        """The same outcome with its reasons; some twenty times the price of a call."""
        return trace(self.node, facts)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that it reads."""
        return frozenset(leaf.field for leaf in leaves(self.node))

    def _key(self) -> str | None:
        if not any(leaf.about.personal for leaf in leaves(self.node)):
            return None
        return blake2s(to_json(self.tree), digest_size=8).hexdigest()

    def _personal(self, facts: Facts, key: str) -> Verdict:
        if not isinstance(facts, NotedFacts):
            return self._test(facts)
        if key not in facts.verdicts:
            facts.unanswered.add(key)
            facts.verdicts[key] = self._test(facts)
        return facts.verdicts[key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.node == other.node

    def __hash__(self) -> int:
        return hash(self.node)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tree!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            ref=cls._reference(),
            serialization=core_schema.plain_serializer_function_ser_schema(_tree_of),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        itself = handler(core_schema.definition_reference_schema(cls._reference()))
        return condition_schema(cls.FIELDS, itself)

    @classmethod
    def _reference(cls) -> str:
        return f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"

    @classmethod
    def _validate(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        try:
            return cls(value)
        except ConditionFaults as error:
            raise validation_error(cls.__name__, error.faults) from None


class EnrichedCondition(Condition):
    """A condition about a lead that is not scored yet: no ``score``, ``tier`` or ``mql``."""

    FIELDS: ClassVar[FieldSet] = ENRICHED_FIELDS

    __slots__ = ()


def _tree_of(condition: Condition) -> object:
    return condition.tree
