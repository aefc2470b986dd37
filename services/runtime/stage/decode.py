"""From a raw record to a typed one, or to the reason why not. Never a value in a reason."""

from __future__ import annotations

import traceback
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar

from aiokafka import ConsumerRecord
from pydantic import ValidationError

from schemas.base import Event
from schemas.cloudevents import Envelope, NotACloudEvent
from services.runtime.records import Record
from services.runtime.stage.written import written_ms

E = TypeVar("E", bound=Event)
_MOST_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record cannot be processed."""

    reason: str
    """A stable code, the label of the dead-letter metric."""
    detail: str
    """For a person; holds no personal data."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A deletion marker of a compacted topic: nothing to do."""


def decode(
    raw: ConsumerRecord, model: type[E], compacted: Collection[str] = ()
) -> Record[E] | Fault | Tombstone:
    """The typed record, tolerant of what newer producers add."""
    if raw.value is None:
        return Tombstone() if raw.topic in compacted else Fault("empty", "the record has no value")
    try:
        envelope = Envelope.from_headers(raw.headers)
    except NotACloudEvent as error:
        return Fault("not_a_cloudevent", _about_headers(error))
    except Exception as error:
        return Fault("not_a_cloudevent", describe(error))
    if envelope.type != model.TYPE:
        return Fault("unexpected_type", f"expected {model.TYPE}")
    try:
        event = model.read(raw.value)
    except ValidationError as error:
        return Fault("invalid", describe(error))
    except Exception as error:
        # Whatever a foreign record makes a validator raise costs that record, never the stage.
        return Fault("invalid", describe(error))
    return Record(
        event=event,
        envelope=envelope,
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=raw.key,
        value=raw.value,
        headers=tuple(raw.headers),
        written_ms=written_ms(raw),
    )


def describe(error: BaseException) -> str:
    """Class and place of an error, never its text, which may quote a lead."""
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_context=False, include_input=False)
        fields = [f"{_path(e['loc'])}: {e['type']}" for e in found[:_MOST_FIELDS]]
        more = f" and {len(found) - _MOST_FIELDS} more" if len(found) > _MOST_FIELDS else ""
        return f"ValidationError in {error.title}: {', '.join(fields)}{more}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {_module(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "body"


def _module(filename: str) -> str:
    parts = filename.replace("\\", "/").split("/")
    return "/".join(parts[-3:])


def _about_headers(error: NotACloudEvent) -> str:
    # Its own message names the attribute; a cause may quote the attribute's value.
    return str(error) if error.__cause__ is None else "malformed CloudEvents attribute"
