"""``handraise watch``: assignments as they happen."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer
from rich.text import Text

from schemas import topics
from schemas.assignment import AssignmentChanged
from services.cli import bus, output, target

_STATUS_STYLE = {"assigned": "green", "held": "yellow", "nurtured": "blue", "rejected": "red"}


def watch(
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Also what is still on the topic.")
    ] = False,
    count: Annotated[int | None, typer.Option("--count", help="Stop after so many.", min=1)] = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Print every assignment; NDJSON with --json. Ctrl-C ends it."""
    asyncio.run(_watch(target.find(data), from_start, count, json))


async def _watch(where: target.Target, from_start: bool, count: int | None, json: bool) -> None:
    seen = skipped = 0
    task = asyncio.current_task()
    assert task is not None
    async with bus.reader(
        where.kafka, [topics.ASSIGNMENTS.name], from_start=from_start
    ) as consumer:
        if not json:
            output.say("waiting for assignments (Ctrl-C ends)")
        while count is None or seen < count:
            got = await consumer.getmany(timeout_ms=500)
            if task.cancelling():  # the client swallows one that meets it in mid-request
                raise asyncio.CancelledError
            for record in (one for records in got.values() for one in records):
                event = bus.understand(record)
                if event is None:
                    # A status that came with a newer release: consumers are upgraded first.
                    skipped += 1
                    output.say(f"skipped {skipped} that this release cannot read")
                if isinstance(event, AssignmentChanged) and (count is None or seen < count):
                    seen += 1
                    _print(event, json)


def _print(event: AssignmentChanged, json: bool) -> None:
    if json:
        output.emit(event)
    else:
        output.stdout.print(line(event, time.time()))


def line(event: AssignmentChanged, now: float) -> Text:
    """One assignment on one line: when, how fast, status, tier, who, why."""
    waited = now - event.received_at.timestamp()
    speed = f"{1000 * waited:6.0f} ms" if 0 <= waited < 60 else " " * 9
    who = event.rep.name if event.rep else "-"
    text = Text(f"{event.decided_at:%H:%M:%S} {speed}  ")
    text.append(f"{event.status:<11} ", _STATUS_STYLE.get(str(event.status), ""))
    text.append(f"{event.tier:<8} {event.source:<14} {printable(who):<17} ")
    text.append(printable(event.reason), "dim")
    return text


def printable(text: str) -> str:
    """Without what moves the cursor or breaks the line: people's texts go to a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
