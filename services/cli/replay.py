"""``handraise replay``: real history through the whole pipeline, in a sandbox only.

The rows enter as submissions of the bulk lane, as a partner's would; what happened long ago is
their ``submitted_at``. Decisions are made now, with the configuration and the calendars of now.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from aiokafka import AIOKafkaProducer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.base import KindName, Lane, Motion
from schemas.submission import SubmissionReceived
from services.capture import events
from services.capture.adapters.base import whole
from services.cli import history, output, target
from services.cli.bookkeeper import Bookkeeper
from services.cli.bus import Seen
from services.cli.ends import ENDS, Books
from services.cli.history import Past
from services.cli.output import CommandError
from services.cli.send import loaded
from services.runtime import installation
from services.runtime.kafka_client import connection, producing
from services.runtime.settings import KafkaSettings

_QUIET_S = 60.0
"""So long without any end, and the rest counts as unaccounted."""
_IN_FLIGHT = 500
_KNOWN = "select submission_id from capture.story where submission_id = any($1)"


def replay(
    file: Annotated[Path, typer.Argument(help="CSV or NDJSON.", exists=True, dir_okay=False)],
    source: Annotated[str, typer.Option(help="A source of sources.yaml with adapter `api`.")],
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="field=column, repeatable.")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option("--time-format", help="Of submitted_at (else ISO 8601).")
    ] = None,
    kind: Annotated[KindName, typer.Option(help="What the rows asked for.")] = KindName.OTHER,
    speed: Annotated[
        float | None, typer.Option(help="History runs so many times faster; without: at once.")
    ] = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Run history through a sandbox. Exit 1 when a row has no end."""
    where = target.find(data)
    mapping = dict(_pair(text) for text in map_ or [])
    rows = history.read(file, mapping, time_format)
    summary = asyncio.run(_replay(where, source, kind, rows, speed))
    if json:
        output.emit(summary)
    else:
        ends = ", ".join(f"{summary[end]} {end}" for end in ENDS if summary[end])
        before = f" ({summary['duplicates']} were here before)" if summary["duplicates"] else ""
        left = f"{summary['unaccounted']} without an end"
        output.stdout.print(f"{summary['accepted']} rows{before}: {ends or '-'}; {left}")
    if summary["unaccounted"]:
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise CommandError(f"--map {text!r}: write field=column", 2)
    return name, column


async def _replay(
    where: target.Target, source: str, kind: KindName, rows: list[Past], speed: float | None
) -> Mapping[str, object]:
    await _check(where, source)
    books = Books()
    with _progress() as progress:
        task = progress.add_task("ended", total=len(rows))

        def show(_seen: Seen, _now: float) -> None:
            progress.update(task, completed=books.ended)

        keeper = Bookkeeper(books, show)
        async with keeper.reading(where.kafka):
            known = await _known(where.postgres, source, kind, rows)
            new = [row for row in rows if _submission(source, kind, row).submission_id not in known]
            books.duplicates += len(rows) - len(new)
            progress.update(task, total=len(new))
            await _send(where.kafka, source, kind, new, speed, books)
            await keeper.settled(_QUIET_S)
    return books.summary()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=output.stderr,
        disable=not output.stderr.is_terminal,
    )


async def _check(where: target.Target, source: str) -> None:
    """:raises CommandError: no sandbox, or no such source."""
    async with target.connection(where.postgres) as connected:
        if not (await installation.read(connected)).sandbox:
            raise CommandError(
                "this installation is not marked as a sandbox: history would go to real reps"
            )
    known = loaded(where, None).sources
    if source not in known or known[source].config.adapter != "api":
        raise CommandError(f"sources.yaml has no source {source!r} with adapter `api`")


async def _known(dsn: str, source: str, kind: KindName, rows: list[Past]) -> set[UUID]:
    """Submissions that an earlier run handed in today: they are retries and end no second time."""
    ids = [_submission(source, kind, row).submission_id for row in rows]
    async with target.connection(dsn) as connected:
        return {row["submission_id"] for row in await connected.fetch(_KNOWN, ids)}


async def _send(
    kafka: KafkaSettings,
    source: str,
    kind: KindName,
    rows: list[Past],
    speed: float | None,
    books: Books,
) -> None:
    producer = AIOKafkaProducer(**connection(kafka, "handraise-replay"), **producing())
    began, acks = time.monotonic(), []
    try:
        await producer.start()
        for row in rows:
            if speed:
                due = began + (row.at - rows[0].at).total_seconds() / speed
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            event = _submission(source, kind, row)
            out = events.submission_output(event)
            acks.append(
                await producer.send(out.topic, out.value, key=out.key, headers=list(out.headers))
            )
            books.answered(event.submission_id, "accepted")
            if len(acks) >= _IN_FLIGHT:
                await asyncio.gather(*acks)
                acks.clear()
        await asyncio.gather(*acks)
    finally:
        await producer.stop()


def _submission(source: str, kind: KindName, row: Past) -> SubmissionReceived:
    body = jsonlib.dumps({"kind": kind, **row.body}, ensure_ascii=False).encode()
    return events.received(
        source,
        whole(body),
        headers={"content-type": "application/json"},
        lane=Lane.BULK,
        motion=Motion.INBOUND,
        at=datetime.now(UTC),
    )
