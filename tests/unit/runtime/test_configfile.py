"""A wrong configuration file is explained with its line, its path and what was meant."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.kernel import faults as kernel_faults
from services.runtime.configfile import ConfigError, Faults, parse


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Equals(Entry):
    country: str
    kind: Literal["demo_request", "free_trial"] = "demo_request"


class AnyOf(Entry):
    any: list[Equals]


class Rule(Entry):
    when: AnyOf | Equals
    to: str
    weight: Annotated[int, Field(ge=1)] | Literal["all"] = 1


class Routing(Entry):
    rules: tuple[Rule, ...]
    hours: dict[str, time] = {}


def complaints(text: str, model: type[BaseModel] = Routing) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(model, text, "routing.yaml")
    return str(caught.value).splitlines()


def test_a_good_file() -> None:
    routing = parse(
        Routing,
        "rules:\n  - when: {country: NO}\n    to: nordics\nhours: {monday: 09:30}\n",
        "routing.yaml",
    )
    assert routing.rules[0].when == Equals(country="NO"), "NO is Norway and not false"
    assert routing.hours == {"monday": time(9, 30)}


def test_every_fault_has_line_path_and_suggestion_in_order_of_lines() -> None:
    text = """\
rules:
  - when: {contry: NO}
    to: nordics
  - when:
      any:
        - country: SE
          kind: demmo_request
    to: 3
rulez: []
hours:
  monday: soon
"""
    assert complaints(text) == [
        "routing.yaml:2 rules.0.when.contry: unknown field; did you mean country?",
        "routing.yaml:7 rules.1.when.any.0.kind: 'demmo_request' is not one of 'demo_request' or"
        " 'free_trial'; did you mean demo_request?",
        "routing.yaml:8 rules.1.to: should be a text, not 3; put it in quotes",
        "routing.yaml:9 rulez: unknown field; did you mean rules?",
        "routing.yaml:11 hours.monday: should be in a valid time format, input is too short,"
        " not 'soon'",
    ]


def test_a_missing_field_is_reported_where_its_owner_begins() -> None:
    assert complaints("rules:\n  - when: {country: NO}\n") == ["routing.yaml:2 rules.0.to: missing"]


def test_alternatives_that_are_equally_near_are_joined() -> None:
    text = "rules:\n  - when: {country: NO}\n    to: a\n    weight: some\n"
    (line,) = complaints(text)
    assert line.startswith(
        "routing.yaml:4 rules.0.weight: should be a whole number, not 'some' or "
    )
    assert "'all'" in line


def test_a_key_given_twice_is_refused() -> None:
    text = "rules:\n  - when: {country: NO}\n    to: a\n    to: b\n"
    assert complaints(text) == ["routing.yaml:4 rules.0.to: given twice; first in line 3"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_misses_its_fields(text: str) -> None:
    assert complaints(text) == ["routing.yaml:1 rules: missing"]


def _tree(value: Any) -> Any:
    class TreeError(ValueError):
        faults = ((("all", 1, "op"), "no such operator"), (("all", 0), "must be a mapping"))

    raise TreeError("2 faults")


def _kernel_tree(value: Any) -> Any:
    raise kernel_faults.validation_error(
        "tree",
        [
            kernel_faults.Fault(("all", 1, "op"), "no such operator"),
            kernel_faults.Fault(("all", 0), "must be a mapping"),
        ],
    )


@pytest.mark.parametrize("check", [_tree, _kernel_tree])
def test_a_validator_with_paths_of_its_own_is_located(check: Any) -> None:
    class File(Entry):
        when: Annotated[Any, BeforeValidator(check)]

    assert complaints("when:\n  all:\n    - 1\n    - op: x\n", File) == [
        "routing.yaml:3 when.all.0: must be a mapping",
        "routing.yaml:4 when.all.1.op: no such operator",
    ]


def test_faults_of_several_files_and_of_a_semantic_check_come_together() -> None:
    files = {
        "a.yaml": "rules: []\n",
        "b.yaml": "rules:\n  - when: {country: NO}\n    to: nowhere\n",
        "c.yaml": "rules: 3\n",
    }
    faults = Faults(files)
    assert faults.parse(Routing, "a.yaml") is not None
    assert faults.parse(Routing, "b.yaml") is not None
    assert faults.parse(Routing, "c.yaml") is None
    assert faults.parse(Routing, "d.yaml") is None
    faults.add("b.yaml", ("rules", 0, "to"), "there is no pool nowhere")
    faults.add("b.yaml", ("rules", 0, "when", "absent", 7), "nearest line")
    with pytest.raises(ConfigError) as caught:
        faults.check()
    assert str(caught.value).splitlines() == [
        "b.yaml:2 rules.0.when.absent.7: nearest line",
        "b.yaml:3 rules.0.to: there is no pool nowhere",
        "c.yaml:1 rules: should be a list, not 3",
        "d.yaml:1: this file is missing",
    ]
