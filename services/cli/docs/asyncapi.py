"""The AsyncAPI 3.0 document of the bus, made from ``schemas/topics.py`` and the examples. Pure.

FastStream could emit one from its subscribers, but knows no key, no dead-letter topic, no retention
and no example; a test holds the operations below to what the services' stages declare.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from schemas import catalog
from schemas.base import Event, deterministic_id
from schemas.cloudevents import CONTENT_TYPE, SPEC_VERSION, Envelope
from schemas.topics import (
    CAPTURED,
    DEAD_LETTER_PARTITIONS,
    DEAD_LETTER_RETENTION,
    TOPICS,
    TopicSpec,
    partner,
)
from services.cli.docs.dead_letters import HEADERS as DEAD_LETTER_HEADERS

Node = dict[str, Any]

SERVICES = ("capture", "enrichment", "scoring", "routing", "response", "delivery")
"""The services of this release; names of others in a TopicSpec are announcements."""

ANNOUNCED = frozenset({("scoring", CAPTURED.name)})
"""Producers that ``topics.py`` names and that do not produce: a signal is never live."""

PARTNER = partner("{partner}")
"""One topic for each source of ``sources.yaml`` with ``topic: partner``."""

BINDING = "0.5.0"
SCHEMAS = "#/components/schemas/"
MESSAGES = "#/components/messages/"
EXAMPLE_TIME = datetime(2026, 11, 23, 9, 0, 0, 250_000, tzinfo=UTC)

_ABOUT = """\
Events in CloudEvents 1.0 binary mode: attributes are `ce_` headers, the value is the JSON data.
Delivery is at least once; `ce_id` is deterministic, so a repeat is recognised by it. Ignore fields
and members of an `x-open-vocabulary` that you do not know, and an assignment's `sequence` that you
have passed. Binary fields are base64 (either alphabet; we send the URL-safe one)."""

_PARAMETERS = {"partner": {"description": "The source's name in `sources.yaml`."}}


def document(version: str) -> Node:
    """The whole AsyncAPI document."""
    channels = {spec.name: _channel(spec) for spec in TOPICS}
    channels[PARTNER.name] = {**_channel(PARTNER), "parameters": _PARAMETERS}
    for spec, service in _consumed():
        channels[spec.dead_letters(service)] = _dead_letter_channel(spec, service)
    channels[PARTNER.dead_letters("capture")]["parameters"] = _PARAMETERS
    return {
        "asyncapi": "3.0.0",
        "id": "urn:com:handraise",
        "info": {
            "title": "Handraise bus",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"kafka": _server()},
        "channels": channels,
        "operations": dict(_operations()),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _server() -> Node:
    return {
        "host": "{bootstrap_servers}",
        "protocol": "kafka",
        "description": "`handraise up` prints the address; see HANDRAISE_KAFKA__BOOTSTRAP_SERVERS.",
        "variables": {"bootstrap_servers": {"default": "127.0.0.1:9092"}},
    }


def _consumed() -> Iterator[tuple[TopicSpec, str]]:
    return ((spec, service) for spec in (*TOPICS, PARTNER) for service in spec.consumers)


def _channel(spec: TopicSpec) -> Node:
    event = spec.event
    return {
        "address": spec.name,
        "title": event.__name__,
        "description": _kept(spec),
        "messages": {event.__name__: {"$ref": f"{MESSAGES}{_message_name(spec)}"}},
        "bindings": {"kafka": _topic_binding(spec)},
    }


def _kept(spec: TopicSpec) -> str:
    lane = f"Lane {spec.lane}. " if spec.lane else ""
    made = f"Produced by {_listed(spec.producers)}; read by {_listed(spec.consumers)}."
    if spec.retention is None:
        return f"{lane}Keyed by {spec.key}, compacted: the latest record of each key stays. {made}"
    return f"{lane}Keyed by {spec.key}, kept for {spec.retention.days} days. {made}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "whoever subscribes"


def _topic_binding(spec: TopicSpec) -> Node:
    policy: Node = {"cleanup.policy": ["compact"]}
    if spec.retention is not None:
        milliseconds = int(spec.retention.total_seconds() * 1000)
        policy = {"cleanup.policy": ["delete"], "retention.ms": milliseconds}
    return {
        "topic": spec.name,
        "partitions": spec.partitions,
        "topicConfiguration": policy,
        "bindingVersion": BINDING,
    }


def _messages() -> Node:
    return {_message_name(spec): _message(spec) for spec in TOPICS}


def _message_name(spec: TopicSpec) -> str:
    """The event's name; where it travels under another key too, that key stands behind it."""
    first = next(other for other in TOPICS if other.event is spec.event)
    name = spec.event.__name__
    return name if first.key == spec.key else f"{name}-by-{spec.key.replace(' ', '-')}"


def _message(spec: TopicSpec) -> Node:
    event = spec.event
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": (event.__doc__ or "").partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "headers": _cloudevent_headers(event),
        "payload": {"$ref": f"{SCHEMAS}{event.__name__}"},
        "bindings": {"kafka": _key_binding(spec.key)},
        "examples": [_example(event, path) for path in catalog.good(event.TYPE)],
    }


def _key_binding(key: str) -> Node:
    return {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}


def _cloudevent_headers(event: type[Event]) -> Node:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "content-type": {**text, "const": CONTENT_TYPE},
            "ce_specversion": {**text, "const": SPEC_VERSION},
            "ce_id": {
                **text,
                "description": "The same at every delivery. Ours are UUIDs; yours may be any text"
                " that is unique for its ce_source.",
            },
            "ce_type": {**text, "const": event.TYPE},
            "ce_source": {**text, "description": "The producer, as /handraise/<service>."},
            "ce_subject": text,
            "ce_time": {**text, "format": "date-time"},
            "traceparent": {**text, "description": "W3C trace context, where there is one."},
        },
        "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"],
    }


def _example(event: type[Event], path: Path) -> Node:
    raw = path.read_bytes()
    producer = next(spec for spec in TOPICS if spec.event is event).producers[0]
    envelope = Envelope(
        id=deterministic_id("example", event.TYPE, path.stem),
        type=event.TYPE,
        source=f"/handraise/{producer.lower().replace(' ', '-')}",
        subject=event.read(raw).subject,
        time=EXAMPLE_TIME,
    )
    headers = {name: value.decode() for name, value in envelope.to_headers()}
    return {"name": path.stem, "headers": headers, "payload": json.loads(raw)}


def _dead_letter_channel(spec: TopicSpec, service: str) -> Node:
    name = spec.dead_letters(service)
    milliseconds = int(DEAD_LETTER_RETENTION.total_seconds() * 1000)
    return {
        "address": name,
        "title": f"{spec.event.__name__} that {service} could not process",
        "description": f"Original bytes, key and headers of a record of {spec.name}, and why.",
        "messages": {"DeadLetter": _dead_letter(spec, service)},
        "bindings": {
            "kafka": {
                "topic": name,
                "partitions": DEAD_LETTER_PARTITIONS,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": milliseconds,
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _dead_letter(spec: TopicSpec, service: str) -> Node:
    example = _example(spec.event, catalog.good(spec.event.TYPE)[0])
    why = {
        name: header.example.format(topic=spec.name, stage=service)
        for name, header in DEAD_LETTER_HEADERS.items()
        if header.always
    }
    return {
        "name": f"dead letter of {spec.event.TYPE}",
        "title": "DeadLetter",
        "summary": "The record as it was, whatever it was; the reason is in its headers.",
        "headers": {
            "type": "object",
            "properties": {
                name: {"type": "string", "description": header.meaning}
                for name, header in DEAD_LETTER_HEADERS.items()
            },
            "required": [name for name, header in DEAD_LETTER_HEADERS.items() if header.always],
        },
        "payload": {"description": "Any bytes, unchanged; JSON of the event where that was sound."},
        "bindings": {"kafka": _key_binding(f"as its source: {spec.key}")},
        "examples": [{**example, "headers": {**example["headers"], **why}}],
    }


def _operations() -> Iterator[tuple[str, Node]]:
    for spec in (*TOPICS, PARTNER):
        for service in spec.producers:
            if service in SERVICES and (service, spec.name) not in ANNOUNCED:
                yield _operation(service, "send", spec.name, spec.event.__name__)
        for service in spec.consumers:
            yield _operation(service, "receive", spec.name, spec.event.__name__)
            yield _operation(service, "send", spec.dead_letters(service), "DeadLetter")


def _operation(service: str, action: str, channel: str, message: str) -> tuple[str, Node]:
    reference = f"#/channels/{channel}"
    return f"{service}.{action}.{channel}", {
        "action": action,
        "channel": {"$ref": reference},
        "messages": [{"$ref": f"{reference}/messages/{message}"}],
        "tags": [{"name": service}],
    }


def _schemas() -> Node:
    events: Iterable[type[Event]] = catalog.EVENTS.values()
    _, found = models_json_schema(
        [(event, "validation") for event in events], ref_template=f"{SCHEMAS}{{model}}"
    )
    definitions: Node = found["$defs"]
    return dict(sorted(definitions.items()))
