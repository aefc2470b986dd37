"""The committed JSON Schemas agree with the models, and a change keeps both directions alive."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from schemas import catalog, export
from schemas.compatibility import HOW_TO_VERSION, breaking_changes, reader_view

RELEASED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(export.RELEASED.glob("com.*.json"))
}
FROZEN: dict[str, str] = json.loads(
    (export.RELEASED / export.EXAMPLES_MANIFEST).read_text(encoding="utf-8")
)
RELEASE = (export.RELEASED / export.RELEASE_FILE).read_text(encoding="utf-8").strip()

BEYOND_JSON_SCHEMA = ("naive", "date-only", "submitted-at", "base64")
"""Bad examples whose fault is the form of a time or an encoding: ``format`` is no assertion."""


def complain(what: list[str]) -> str:
    return "\n".join((f"incompatible with release {RELEASE}:", *what, HOW_TO_VERSION))


def test_the_committed_schemas_agree_with_the_models() -> None:
    assert not export.drift(export.current()), "run `python -m schemas.export` and commit"


@pytest.mark.parametrize("name", catalog.EVENTS)
def test_a_schema_is_valid_closed_and_says_where_the_event_travels(name: str) -> None:
    schema = export.schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert schema["x-topics"]


@pytest.mark.parametrize("name", catalog.EVENTS)
def test_schema_and_model_judge_the_examples_alike(name: str) -> None:
    writer = Draft202012Validator(export.schema_of(name), format_checker=FormatChecker())
    for path in catalog.good(name):
        assert not list(writer.iter_errors(json.loads(path.read_bytes()))), path
    for example in catalog.bad(name):
        if any(mark in example.path.stem for mark in BEYOND_JSON_SCHEMA):
            continue
        assert list(writer.iter_errors(json.loads(example.path.read_bytes()))), example.path


@pytest.mark.parametrize("name", RELEASED)
def test_an_event_that_was_released_changes_only_as_promised(name: str) -> None:
    assert name in catalog.EVENTS, complain([f"{name} is gone"])
    found = breaking_changes(RELEASED[name], export.schema_of(name))
    assert not found, complain(found)


@pytest.mark.parametrize("path", FROZEN)
def test_a_new_reader_reads_every_released_example(path: str) -> None:
    name, *_ = path.split("/")
    file = catalog.EXAMPLES / path
    assert file.exists(), complain([f"examples/{path}: released examples are never removed"])
    assert export.manifest()[path] == FROZEN[path], complain(
        [f"examples/{path}: released examples are never edited; add another file"]
    )
    try:
        catalog.EVENTS[name].read(file.read_bytes())
    except ValueError as error:
        pytest.fail(complain([f"examples/{path} is no longer read: {error}"]))


@pytest.mark.parametrize("name", RELEASED)
def test_the_released_reader_accepts_every_present_example(name: str) -> None:
    reader = Draft202012Validator(reader_view(RELEASED[name]), format_checker=FormatChecker())
    for path in catalog.good(name):
        faults = [fault.message for fault in reader.iter_errors(json.loads(path.read_bytes()))]
        assert not faults, complain([f"{path.name}: {fault}" for fault in faults])


class TestTheRuleItself:
    """Each forbidden change, made on purpose, is found; each allowed one is not."""

    name = "com.handraise.assignment.changed.v1"

    def changed(self) -> dict[str, Any]:
        return deepcopy(RELEASED[self.name])

    def judge(self, present: dict[str, Any]) -> list[str]:
        return breaking_changes(RELEASED[self.name], present)

    def test_nothing_changed(self) -> None:
        assert self.judge(self.changed()) == []

    def test_another_description_breaks_nobody(self) -> None:
        present = self.changed()
        present["properties"]["reason"]["description"] = "Why, for a person."
        assert self.judge(present) == []

    def test_a_new_optional_field_is_allowed(self) -> None:
        present = self.changed()
        present["properties"]["territory"] = {"type": "string", "default": ""}
        assert self.judge(present) == []

    def test_a_new_required_field_is_not(self) -> None:
        present = self.changed()
        present["properties"]["territory"] = {"type": "string"}
        present["required"].append("territory")
        assert self.judge(present) == ["territory: a new field must be optional, with a default"]

    def test_a_field_that_goes(self) -> None:
        present = self.changed()
        del present["properties"]["pool"]
        present["required"].remove("pool")
        assert self.judge(present) == ["pool: the field is gone"]

    def test_a_field_that_may_now_be_absent(self) -> None:
        present = self.changed()
        present["required"].remove("pool")
        assert self.judge(present) == ["pool: was always present and may now be absent"]

    def test_a_field_that_must_now_be_there(self) -> None:
        present = self.changed()
        present["required"].append("held_until")
        assert self.judge(present) == ["held_until: was optional and is now required"]

    def test_another_type(self) -> None:
        present = self.changed()
        present["properties"]["sequence"]["type"] = "string"
        assert self.judge(present) == ["sequence: type was 'integer' and is 'string'"]

    def test_null_where_there_was_none(self) -> None:
        present = self.changed()
        present["properties"]["reason"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
        assert any(line.startswith("reason:") for line in self.judge(present))

    def test_a_type_deep_in_a_map(self) -> None:
        present = self.changed()
        facts = present["$defs"]["LeadBlock"]["properties"]["facts"]
        facts["additionalProperties"] = {"type": "integer"}
        assert self.judge(present) == ["lead.facts.*: type was 'string' and is 'integer'"]

    @pytest.mark.parametrize(
        ("vocabulary", "allowed"),
        [("KindName", True), ("ChannelName", True), ("AssignmentStatus", False)],
    )
    def test_a_new_member_needs_an_open_vocabulary(self, vocabulary: str, allowed: bool) -> None:
        present = self.changed()
        present["$defs"][vocabulary]["enum"].append("brand_new")
        assert (self.judge(present) == []) is allowed

    @pytest.mark.parametrize("vocabulary", ["KindName", "AssignmentStatus"])
    def test_a_member_that_goes_breaks_in_either(self, vocabulary: str) -> None:
        present = self.changed()
        gone = present["$defs"][vocabulary]["enum"].pop()
        assert any(repr(gone) in line for line in self.judge(present))

    def test_the_message_says_what_to_do(self) -> None:
        message = complain(["pool: the field is gone"])
        assert "pool: the field is gone" in message
        assert "v2" in message
        assert "optional field with a default" in message


def test_drift_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "com.handraise.gone.v1.json").write_text("{}")
    wanted = {tmp_path / "com.handraise.new.v1.json": "{}\n"}
    assert export.drift(wanted, tmp_path) == [
        "com.handraise.new.v1.json is missing",
        "com.handraise.gone.v1.json belongs to no event",
    ]
