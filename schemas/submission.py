"""One accepted request, with the bytes exactly as they arrived."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from schemas.base import Event, PipelineEvent


class KeyKind(StrEnum):
    """What a delivery key is made of, which decides how long a repeat of it counts as a retry."""

    VENDOR_ID = "vendor_id"
    IDEMPOTENCY_KEY = "idempotency_key"
    BODY_HASH = "body_hash"


class SubmissionReceived(PipelineEvent):
    """A form tool, an API client or a partner handed in one item. Key: ``delivery_key``."""

    TYPE: ClassVar[str] = "com.handraise.submission.received.v1"

    submission_id: UUID
    source: str
    """Name of the source in ``sources.yaml``, or ``api`` for ``/v1``."""
    delivery_key: str
    """Unique per source and delivered item; a repeat within the key's lifetime is a retry."""
    delivery_key_kind: KeyKind
    content_type: str
    headers: dict[str, str]
    """The request headers that the source's adapter declared, never credentials."""
    body: bytes
    """The item's raw bytes (base64 in JSON)."""
    body_sha256: str
    """Hex digest of ``body``; the same key with another digest is a conflict."""
    fetched: bytes | None = None
    """Where the item carries ids only: what its vendor answered to them (base64 in JSON). Taken
    only from capture itself."""

    @property
    def subject(self) -> str:
        return str(self.submission_id)


class Disposition(StrEnum):
    """The end of a submission that never became a lead."""

    QUARANTINED = "quarantined"
    REJECTED = "rejected"


class SubmissionQuarantined(Event):
    """A submission was set aside (a person may release it) or screened out. Key: as its source.

    ``submission_id`` is null for a request that was never accepted (a wrong signature).
    """

    TYPE: ClassVar[str] = "com.handraise.submission.quarantined.v1"

    quarantine_id: UUID
    submission_id: UUID | None
    causation_id: UUID | None
    source: str
    disposition: Disposition
    reason: str
    """A stable code, e.g. ``unparsable``, ``conflict``, ``bad_signature``, ``test``."""
    detail: str
    """One sentence for the operator; names the field, never its value."""
    submission: SubmissionReceived

    @property
    def subject(self) -> str:
        return str(self.quarantine_id)
