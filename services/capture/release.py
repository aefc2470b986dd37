"""Letting a submission out of quarantine: it goes through the pipeline as if it had just come in,
with the time and the lane that it had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from schemas.submission import SubmissionReceived
from services.capture import events, presented
from services.capture.adapters.base import HookRequest, Item, Verdict
from services.capture.config import CaptureConfig
from services.capture.interpret import BAD_SIGNATURE
from services.capture.store import quarantine
from services.capture.store.quarantine import Kept
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output


class NotReleased(Exception):
    """One sentence why not."""


@dataclass(frozen=True, slots=True)
class Released:
    """What was let out."""

    submission_ids: tuple[UUID, ...]
    outputs: tuple[Output, ...]
    """Stored in the outbox; whoever has Kafka at hand may publish them now, else the sweep does."""


async def release(
    conn: Connection,
    outbox: Outbox,
    quarantine_id: UUID,
    *,
    by: str,
    config: CaptureConfig,
    secrets: Mapping[str, list[bytes]],
    public_url: str = "",
    key: bytes = b"",
) -> Released:
    """Release one quarantined submission, in the caller's transaction.

    A request whose signature was wrong is checked again, with the secrets of now and the time at
    which it came.

    :param public_url: what vendors call capture by; some sign it.
    :param key: the installation's; without it requests that carried their secret openly, in the
        address or as a bearer, cannot be proven.
    :raises NotReleased: unknown, released before, or its signature is still wrong.
    """
    kept = await quarantine.get(conn, quarantine_id, lock=True)
    if kept is None:
        raise NotReleased(f"there is nothing in quarantine under {quarantine_id}")
    if kept.released_at is not None:
        raise NotReleased(f"{quarantine_id} was released at {kept.released_at:%Y-%m-%d %H:%M} UTC")
    if kept.reason == BAD_SIGNATURE:
        submissions = _verified(kept, config, secrets, public_url, key)
    else:
        submissions = [kept.submission.model_copy(update={"causation_id": quarantine_id})]
    await quarantine.mark_released(conn, quarantine_id, by)
    outputs = [events.submission_output(one) for one in submissions]
    stored = await outbox.store(conn, outputs)
    return Released(tuple(one.submission_id for one in submissions), tuple(stored))


def _verified(
    kept: Kept,
    config: CaptureConfig,
    secrets: Mapping[str, list[bytes]],
    public_url: str,
    key: bytes,
) -> list[SubmissionReceived]:
    submission = kept.submission
    source = config.sources.get(submission.source)
    if source is None:
        raise NotReleased(f"sources.yaml has no source {submission.source!r}")
    url = f"{public_url.rstrip('/')}/hooks/{source.name}"
    live = secrets.get(source.config.secret or "") or []
    request = presented.restored(
        HookRequest("POST", url, {}, submission.headers, submission.body), live, key
    )
    verdict = source.adapter.verify(request, live, submission.received_at.timestamp())
    if verdict is not Verdict.VERIFIED:
        raise NotReleased(f"its signature is still wrong for {source.name} ({verdict})")

    def of(item: Item) -> SubmissionReceived:
        return events.received(
            source.name,
            item,
            headers=presented.without(submission.headers),
            lane=source.config.lane,
            motion=source.config.motion,
            at=submission.received_at,
            causation_id=kept.quarantine_id,
        )

    return [of(item) for item in source.adapter.split(request)]
