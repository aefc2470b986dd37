"""CloudEvents 1.0 in Kafka binary mode: attributes are ``ce_`` headers, the value is the data.

Source: CloudEvents Kafka protocol binding 1.0.2, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.base import deterministic_id

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"

Headers = tuple[tuple[str, bytes], ...]

_ALWAYS: Headers = (
    ("content-type", CONTENT_TYPE.encode()),
    ("ce_specversion", SPEC_VERSION.encode()),
)


class NotACloudEvent(ValueError):
    """The record's headers do not carry what CloudEvents requires."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The CloudEvents attributes of one record, and the trace it belongs to."""

    id: UUID
    type: str
    source: str
    """The producer, as ``/handraise/<service>``."""
    subject: str
    time: datetime
    traceparent: str | None = None
    """W3C trace context, passed on unchanged in depth and order."""

    def to_headers(self) -> Headers:
        """Kafka headers of binary mode."""
        headers = (
            *_ALWAYS,
            ("ce_id", str(self.id).encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_subject", self.subject.encode()),
            ("ce_time", self.time.isoformat().encode()),
        )
        if self.traceparent is None:
            return headers
        return (*headers, ("traceparent", self.traceparent.encode()))

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes]]) -> Envelope:
        """Read the attributes back; headers of strangers are ignored.

        A stranger's id may be any text, unique for its source; ours is then made of both.

        :raises NotACloudEvent: names the attribute that is missing or malformed.
        """
        found = {name.lower(): value for name, value in headers}
        try:
            return cls(
                id=_id(found),
                type=_text(found, "ce_type"),
                source=_text(found, "ce_source"),
                subject=_text(found, "ce_subject", default=""),
                time=datetime.fromisoformat(_text(found, "ce_time")),
                traceparent=_text(found, "traceparent", default="") or None,
            )
        except NotACloudEvent:
            raise
        except ValueError as error:
            raise NotACloudEvent(f"malformed CloudEvents attribute: {error}") from error


def _text(found: Mapping[str, bytes], name: str, default: str | None = None) -> str:
    raw = found.get(name)
    if raw is None:
        if default is None:
            raise NotACloudEvent(f"header {name} is missing")
        return default
    return raw.decode("utf-8")


def _id(found: Mapping[str, bytes]) -> UUID:
    text = _text(found, "ce_id")
    try:
        return UUID(text)
    except ValueError:
        if not text:
            raise
        return deterministic_id("cloudevent", _text(found, "ce_source"), text)
