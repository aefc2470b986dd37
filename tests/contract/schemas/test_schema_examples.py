"""The examples are what the contract says, and readers are as tolerant as promised."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas import catalog
from schemas.base import OPEN_VOCABULARY, Event
from schemas.export import schema_of

GOOD = [
    pytest.param(catalog.EVENTS[name], path, id=f"{name}/{path.stem}")
    for name in catalog.EVENTS
    for path in catalog.good(name)
]
BAD = [
    pytest.param(catalog.EVENTS[name], example, id=f"{name}/{example.path.stem}")
    for name in catalog.EVENTS
    for example in catalog.bad(name)
]


@pytest.mark.parametrize("name", catalog.EVENTS)
def test_each_event_has_several_examples_of_both_sorts(name: str) -> None:
    assert len(catalog.good(name)) >= 2
    assert len(catalog.bad(name)) >= 3
    assert all(example.field for example in catalog.bad(name)), "name the field after an @"


def test_no_example_belongs_to_an_event_that_is_gone() -> None:
    folders = {folder.name for folder in catalog.EXAMPLES.iterdir()}
    assert folders - {"sources"} == set(catalog.EVENTS)  # those are what form tools send


@pytest.mark.parametrize("name", catalog.EVENTS)
def test_good_examples_show_every_field_of_the_event(name: str) -> None:
    shown = {field for path in catalog.good(name) for field in json.loads(path.read_bytes())}
    assert shown == set(catalog.EVENTS[name].model_fields)


@pytest.mark.parametrize(("event", "path"), GOOD)
def test_a_good_example_is_written_and_read_alike(event: type[Event], path: Path) -> None:
    raw = path.read_bytes()
    written = event.model_validate_json(raw)
    assert event.read(raw) == written
    assert event.read(written.encode()) == written, "what we encode comes back as it was"
    assert written.subject, "CloudEvents wants a subject"


@pytest.mark.parametrize(("event", "example"), BAD)
def test_a_bad_example_is_refused_by_both_and_the_field_is_named(
    event: type[Event], example: catalog.BadExample
) -> None:
    raw = example.path.read_bytes()
    for parse in (event.model_validate_json, event.read):
        with pytest.raises(ValidationError) as refused:
            parse(raw)
        blamed = {".".join(map(str, fault["loc"])) for fault in refused.value.errors()}
        assert any(path == example.field or path.startswith(f"{example.field}.") for path in blamed)
        assert len({path.split(".")[0] for path in blamed}) == 1, "one fault per example"


@pytest.mark.parametrize(("event", "path"), GOOD)
def test_a_field_of_a_newer_release_is_ignored_by_readers_and_refused_by_writers(
    event: type[Event], path: Path
) -> None:
    original = json.loads(path.read_bytes())
    for changed, place in _with_a_field_more(original, schema_of(event.TYPE)):
        raw = json.dumps(changed)
        assert event.read(raw) == event.read(path.read_bytes()), place
        with pytest.raises(ValidationError, match="not_in_this_release"):
            event.model_validate_json(raw)


@pytest.mark.parametrize(("event", "path"), GOOD)
def test_a_member_of_a_newer_release_is_taken_as_the_fallback(
    event: type[Event], path: Path
) -> None:
    original = json.loads(path.read_bytes())
    for field, schema in schema_of(event.TYPE)["properties"].items():
        if OPEN_VOCABULARY not in schema:
            continue
        raw = json.dumps({**original, field: "member_of_a_newer_release"})
        assert getattr(event.read(raw), field) == schema[OPEN_VOCABULARY]
        with pytest.raises(ValidationError, match=field):
            event.model_validate_json(raw)


def test_what_later_releases_may_name_is_open_and_nothing_else_is() -> None:
    found = {
        (field, schema[OPEN_VOCABULARY])
        for name in catalog.EVENTS
        for field, schema in schema_of(name)["properties"].items()
        if OPEN_VOCABULARY in schema
    }
    assert found == {
        ("kind", "other"),
        ("channel", "unknown"),
        ("activity", "other"),
        ("signal", "other"),
        ("audience", "rep"),
        ("means", "other"),
    }


def test_an_unknown_status_is_refused_by_its_name_so_that_a_consumer_can_skip_and_count() -> None:
    event = catalog.EVENTS["com.handraise.assignment.changed.v1"]
    example = json.loads(catalog.good(event.TYPE)[0].read_bytes())
    with pytest.raises(ValidationError) as refused:
        event.read(json.dumps({**example, "status": "teleported"}))
    assert [fault["loc"] for fault in refused.value.errors()] == [("status",)]


@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_partner_may_use_either_base64_alphabet(alphabet: Any) -> None:
    event = catalog.EVENTS["com.handraise.submission.received.v1"]
    body = bytes(range(256))
    raw = json.loads(catalog.good(event.TYPE)[0].read_bytes()) | {"body": alphabet(body).decode()}
    assert event.read(json.dumps(raw)).body == body  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", catalog.good("com.handraise.submission.received.v1"))
def test_examples_of_submissions_carry_the_digest_of_their_bytes(path: Path) -> None:
    example = json.loads(path.read_bytes())
    body = base64.urlsafe_b64decode(example["body"])
    assert example["body_sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("path", catalog.good("com.handraise.lead.scored.v1"))
def test_examples_of_scores_have_a_ledger_that_adds_up(path: Path) -> None:
    example = json.loads(path.read_bytes())
    sums = {"fit": 0, "intent": 0}
    for line in example["ledger"]:
        sums[line["dimension"]] += line["points"]
    assert example["score"] == {**sums, "total": sums["fit"] + sums["intent"]}


def test_people_of_the_examples_are_invented() -> None:
    for path in catalog.EXAMPLES.rglob("*.json"):
        for value in _texts(json.loads(path.read_bytes())):
            if "@" in value and " " not in value:
                assert value.rpartition("@")[2].endswith(".example"), f"{path}: {value}"


def _texts(node: Any) -> Iterator[str]:
    match node:
        case str():
            yield node
        case dict():
            for value in node.values():
                yield from _texts(value)
        case list():
            for value in node:
                yield from _texts(value)


def _with_a_field_more(
    original: dict[str, Any], schema: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], str]]:
    """One copy per closed object of the example, each with a field that no schema knows."""
    for path in _closed_objects(original, schema, schema.get("$defs", {})):
        changed = deepcopy(original)
        target: Any = changed
        for step in path:
            target = target[step]
        target["not_in_this_release"] = {"deep": [1]}
        yield changed, ".".join(map(str, path))


def _closed_objects(
    node: Any, schema: dict[str, Any], definitions: dict[str, Any]
) -> Iterator[tuple[str | int, ...]]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", ()):
        yield from _closed_objects(node, choice, definitions)
    if isinstance(node, dict):
        if schema.get("additionalProperties") is False:
            yield ()
        for name, value in node.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            for path in _closed_objects(value, inner or {}, definitions):
                yield (name, *path)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            for path in _closed_objects(value, schema.get("items", {}), definitions):
                yield (index, *path)
