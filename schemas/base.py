"""The base of every event: identity, vocabulary and the rules by which readers and writers differ.

Writers build models with unknown fields forbidden. Readers call :func:`read`, which ignores fields
that it does not know and maps unknown members of an open vocabulary to ``other`` or ``unknown``, so
that a consumer survives a producer that is one release ahead.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from enum import StrEnum
from hashlib import sha1
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic_core import core_schema

NAMESPACE = UUID("5f0c9c3c-6d0e-5f57-9a55-2a2f3d1d7b10")
"""Namespace of every deterministic id (event, submission, assignment)."""

OPEN_VOCABULARY = "x-open-vocabulary"
"""JSON Schema keyword beside an enum: what a reader takes a member for that it does not know."""

_READING = {"reading": True}
_NAMESPACE_BYTES = NAMESPACE.bytes
_ID_BITS = ~(0xF << 76 | 0x3 << 62) & (1 << 128) - 1
_VERSION_5 = 5 << 76 | 0x2 << 62


def deterministic_id(*parts: object) -> UUID:
    """UUIDv5 over the parts joined by ``|``; the same parts give the same id for ever.

    As ``uuid.uuid5`` has it, in half the time: every event on its way needs several.
    """
    name = "|".join(map(str, parts)).encode()
    digest = sha1(_NAMESPACE_BYTES + name, usedforsecurity=False).digest()
    number = int.from_bytes(digest[:16], "big") & _ID_BITS | _VERSION_5
    return UUID(int=number)


def event_id(input_id: UUID | str, stage: str, entity_id: object, ordinal: int) -> UUID:
    """Id of the ``ordinal``-th output that ``stage`` derives from one input."""
    return deterministic_id(input_id, stage, entity_id, ordinal)


def to_utc(moment: datetime) -> datetime:
    """An aware moment in UTC.

    :raises ValueError: it has no offset, or no time zone's clock can be told of it.
    """
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset, for example 2026-11-23T09:00:00Z")
    # The first and the last year are what programs write for "never" (Go's zero time); Postgres
    # takes their ends for infinity, and no time zone's clock can be told of them.
    if not MINYEAR < moment.year < MAXYEAR:
        raise ValueError("a time must lie within the years 2 to 9998")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(to_utc)]
"""An aware moment of the years 2 to 9998, normalised to UTC."""


@dataclass(frozen=True, slots=True)
class OpenVocabulary:
    """Marks an enum to which later releases may add members: readers take those as ``fallback``."""

    fallback: str
    known: type[StrEnum]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        fallback, known = self.fallback, frozenset(member.value for member in self.known)

        def admit(value: Any, info: ValidationInfo) -> Any:
            if not isinstance(value, str) or value in known:
                return value
            reading = info.context and info.context.get("reading")
            return fallback if reading else value

        return core_schema.with_info_before_validator_function(admit, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(core), OPEN_VOCABULARY: self.fallback}


def open_vocabulary(fallback: str, known: type[StrEnum]) -> OpenVocabulary:
    """An enum field that stays readable when a newer producer uses a member unknown here."""
    return OpenVocabulary(fallback, known)


class Lane(StrEnum):
    """``live``: someone waits. ``bulk``: prospects, imports, replays of files, re-scores."""

    LIVE = "live"
    BULK = "bulk"


class Motion(StrEnum):
    """Who moved first: the buyer (inbound) or us (outbound)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class ChannelName(StrEnum):
    """Where a lead came from, derived by the channel table of the configuration."""

    ORGANIC_SEARCH = "organic_search"
    PAID_SEARCH = "paid_search"
    PAID_SOCIAL = "paid_social"
    DISPLAY = "display"
    EMAIL = "email"
    CONTENT = "content"
    WEBINAR_EVENT = "webinar_event"
    REVIEW_SITE = "review_site"
    REFERRAL = "referral"
    PARTNER = "partner"
    VISITOR_ID = "visitor_id"
    DIRECT = "direct"
    OUTBOUND = "outbound"
    UNKNOWN = "unknown"


class KindName(StrEnum):
    """What the person asked for."""

    DEMO_REQUEST = "demo_request"
    CONTACT_SALES = "contact_sales"
    PRICING_REQUEST = "pricing_request"
    FREE_TRIAL = "free_trial"
    CONTENT_DOWNLOAD = "content_download"
    WEBINAR = "webinar"
    EVENT = "event"
    NEWSLETTER = "newsletter"
    CHAT = "chat"
    REFERRAL = "referral"
    PROSPECT = "prospect"
    OTHER = "other"


class TierName(StrEnum):
    """How urgent a lead is, from the fit x intent matrix."""

    HOT = "hot"
    WARM = "warm"
    NURTURE = "nurture"


class RoleName(StrEnum):
    """The job that an assignment is for."""

    SDR = "sdr"
    AE = "ae"
    CSM = "csm"


Channel = Annotated[ChannelName, open_vocabulary("unknown", ChannelName)]
Kind = Annotated[KindName, open_vocabulary("other", KindName)]


class Model(BaseModel):
    """A frozen value. Unknown fields are refused when writing and ignored by :func:`read`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        ser_json_bytes="base64",
        val_json_bytes="base64",
        use_attribute_docstrings=True,
    )

    @classmethod
    def read(cls, raw: bytes | str) -> Self:
        """Parse JSON as a tolerant consumer does.

        :raises pydantic.ValidationError: where a known field is missing or has a wrong value.
        """
        return cls.model_validate_json(raw, extra="ignore", context=_READING)

    def encode(self) -> bytes:
        """The JSON bytes of this value."""
        return self.__pydantic_serializer__.to_json(self)


class Event(Model):
    """An event of the bus. ``TYPE`` is its CloudEvents type; breaking changes get a new version."""

    TYPE: ClassVar[str] = ""

    @property
    @abstractmethod
    def subject(self) -> str:
        """What the event is about (CloudEvents ``subject``)."""


class PipelineEvent(Event):
    """What every event on the way from submission to assignment carries."""

    submission_id: UUID | None
    """The submission that this descends from; null only where nothing was submitted."""
    causation_id: UUID | None
    """Id of the event that directly caused this one."""
    received_at: Instant
    """When the submission reached us; the start of every latency."""
    lane: Lane
    motion: Motion
    channel: Channel


class Provenance(Model):
    """A value with where it comes from."""

    value: str | int | float | bool | list[str]
    source: str
    """``form``, ``derived:<rule>``, ``table:<name>`` or ``provider:<name>``."""
    at: Instant
    confidence: float = 1.0
    """0 to 1."""
    cost: float = 0.0
    """What this value cost, in the currency of the provider configuration."""
