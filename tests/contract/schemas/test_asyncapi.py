"""``docs/asyncapi.json`` names every channel, key, header and example, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft202012Validator, FormatChecker

from schemas.cloudevents import Envelope
from schemas.topics import BY_NAME, TOPICS, dead_letter_topics
from services.cli.docs.__main__ import ROOT, outdated
from services.cli.docs.asyncapi import PARTNER
from services.cli.docs.dead_letters import HEADERS
from services.runtime.stage.dead_letter import dead_letter
from services.runtime.stage.decode import Fault

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "asyncapi.json").read_text("utf-8"))
CHANNELS: dict[str, Any] = DOCUMENT["channels"]
MESSAGES = [
    pytest.param(name, key, id=f"{name} {key}")
    for name, channel in CHANNELS.items()
    for key in channel["messages"]
]


def resolve(reference: str) -> Any:
    node: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def follow(node: Any) -> Any:
    return follow(resolve(node["$ref"])) if "$ref" in node else node


def references(node: Any) -> Iterator[str]:
    match node:
        case dict():
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


def test_the_committed_documents_are_what_the_code_would_write() -> None:
    assert not outdated()


def test_drift_is_found(tmp_path: Any) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "9.9.9"\n')
    (tmp_path / "docs" / "asyncapi.json").write_text("{}")
    assert "docs/asyncapi.json is out of date: run `make docs` and commit it" in outdated(tmp_path)


def test_an_independent_reader_of_asyncapi_3_takes_it() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["servers"]["kafka"]["pathname"] = ""  # optional in AsyncAPI, not for this reader
    assert ApplicationSchema.model_validate(document).asyncapi == "3.0.0"


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        assert resolve(reference), reference


def test_every_topic_is_a_channel_dead_letters_too() -> None:
    partners = {PARTNER.name, PARTNER.dead_letters("capture")}
    assert set(CHANNELS) == {*BY_NAME, *dead_letter_topics(), *partners}
    assert all("partner" in CHANNELS[name]["parameters"] for name in partners)
    for name, channel in CHANNELS.items():
        assert channel["address"] == name


@pytest.mark.parametrize("spec", TOPICS, ids=lambda spec: spec.name)
def test_a_channel_says_how_its_topic_is_keyed_and_kept(spec: Any) -> None:
    channel = CHANNELS[spec.name]
    message = follow(channel["messages"][spec.event.__name__])
    assert message["bindings"]["kafka"]["key"]["description"] == spec.key
    binding = channel["bindings"]["kafka"]
    assert binding["partitions"] == spec.partitions
    assert binding["topicConfiguration"]["cleanup.policy"] == [
        "compact" if spec.compacted else "delete"
    ]


@pytest.mark.parametrize(("channel", "key"), MESSAGES)
def test_every_message_has_examples_that_fit_its_headers_and_payload(
    channel: str, key: str
) -> None:
    message = follow(CHANNELS[channel]["messages"][key])
    assert message["examples"]
    definitions = {"components": DOCUMENT["components"]}
    headers = Draft202012Validator(message["headers"], format_checker=FormatChecker())
    payload = Draft202012Validator({**message["payload"], **definitions})
    for example in message["examples"]:
        assert not list(headers.iter_errors(example["headers"])), example["name"]
        assert not list(payload.iter_errors(example["payload"])), example["name"]
        raw = [(name, value.encode()) for name, value in example["headers"].items()]
        envelope = Envelope.from_headers(raw)
        assert set(envelope.to_headers()) <= set(raw)


def test_the_headers_of_a_dead_letter_are_those_that_the_shell_writes() -> None:
    record: Any = ConsumerRecord(
        topic="leads.scored.v1", partition=2, offset=7, timestamp=0, timestamp_type=0, key=b"k",
        value=b"v", checksum=None, serialized_key_size=1, serialized_value_size=1, headers=(),
    )  # fmt: skip
    fault = Fault("invalid", "lead: Field required")
    written = dead_letter(
        record, fault, service="routing", stage="routing", attempt=2, at=datetime.now(UTC)
    )
    always = {name for name, header in HEADERS.items() if header.always}
    assert {name for name, _ in written.headers} == always
    channel = CHANNELS[written.topic]
    assert set(follow(channel["messages"]["DeadLetter"])["headers"]["properties"]) == set(HEADERS)


def test_operations_name_a_service_that_exists() -> None:
    for name, operation in DOCUMENT["operations"].items():
        (tag,) = operation["tags"]
        service, action, channel = name.split(".", 2)
        assert (service, action) == (tag["name"], operation["action"])
        assert operation["channel"]["$ref"] == f"#/channels/{channel}"
        assert (ROOT / "services" / service).is_dir()
