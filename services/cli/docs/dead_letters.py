"""What the headers of a dead letter mean, for the AsyncAPI document."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.stage import dead_letter as names
from services.runtime.stage.written import WRITTEN


@dataclass(frozen=True, slots=True)
class Header:
    """One added header."""

    meaning: str
    example: str
    """``{topic}`` and ``{stage}`` are filled in."""
    always: bool = True


HEADERS: dict[str, Header] = {
    names.REASON: Header("A stable code: why the record could not be processed.", "invalid"),
    names.DETAIL: Header(
        "One sentence for the operator; names the field, never its value.",
        "lead.account_key: Field required",
    ),
    names.TOPIC: Header("Where the record came from.", "{topic}"),
    names.PARTITION: Header("Its partition there, as decimal text.", "2"),
    names.OFFSET: Header("Its offset there, as decimal text.", "1841"),
    names.STAGE: Header("The stage (consumer group) that gave up.", "{stage}"),
    names.ATTEMPT: Header("How often the stage tried, from 1.", "2"),
    names.AT: Header("When it gave up.", "2026-11-23T09:00:00.900000+00:00"),
    WRITTEN: Header(
        "When the record was first written to its topic, in ms since the epoch; it stays at every"
        " replay.",
        "1795424400000",
        always=False,
    ),
    names.REPLAYS: Header(
        "How often the record was replayed; it stays, so that a loop is seen.", "1", always=False
    ),
}
"""By name. The record's own headers stay as they were."""
