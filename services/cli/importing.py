"""``handraise import``: a list of prospects from a CSV file, through the door of prospects.

A row is known by the import (the file, what its columns mean) and its number. So an import that was
stopped goes on where it was, and whatever is sent twice is one lead.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json as jsonlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay

from services.cli import output, prospectfile, target
from services.cli.output import CommandError
from services.cli.prospectfile import ProspectFile, Row

CHUNK: Final = 200
"""Rows of one request; part of what a row is known by, so it never changes."""
_TIMEOUT_S: Final = 30.0
_PATIENCE_S: Final = 900.0
"""How long a door that says "later" is asked again."""
_WAIT_S: Final = 2.0
_MOST_WAIT_S: Final = 30.0
_SHOWN: Final = 3


@dataclass(slots=True)
class Progressed:
    """How far an import is; kept beside the installation's data after each request."""

    import_id: str
    file: str
    rows: int
    done: int = 0
    """Rows that were answered."""
    accepted: int = 0
    duplicate: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)
    """Row and reason."""


class Later(Exception):
    """The door says when to come again."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds


def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV with a first line of names.", exists=True, dir_okay=False)
    ],
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="field=column, repeatable; else proposed.")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="A column that is not sent, repeatable.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Where to write the rows that were not taken, as CSV.")
    ] = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Hand in a list of prospects; stopped, it goes on where it was. Exit 1 when none was taken."""
    listed = prospectfile.read(file)
    mapping = prospectfile.mapping_of(listed, dict(_pair(text) for text in map_ or []), drop or [])
    if dry_run:
        _dry(listed, mapping, json)
        return
    if not {"email", "phone", "external_id"} & set(mapping.values()):
        raise CommandError(
            "no column is an email, a phone or an external_id: say which with --map email=COLUMN", 2
        )
    where = target.find(data)
    state = _state(where, listed, mapping)
    before = state.done
    asyncio.run(_import(where, listed, mapping, state))
    refused = _write_report(report or _place(where, state).with_suffix(".rejected.csv"),
                            listed, mapping, state)  # fmt: skip
    _tell(state, mapping, before, refused, json)
    if not state.accepted and not state.duplicate:
        raise typer.Exit(1)


# -- what it would do ---------------------------------------------------------------------------
def _dry(listed: ProspectFile, mapping: Mapping[str, str], json: bool) -> None:
    faults = [(row.number, row.fault) for row in prospectfile.rows(listed, mapping) if row.fault]
    shown = [jsonlib.loads(row.body) for row in islice(_good(listed, mapping), _SHOWN)]
    if json:
        output.emit(
            {
                "rows": listed.rows,
                "valid": listed.rows - len(faults),
                "invalid": [{"row": number, "reason": why} for number, why in faults],
                "mapping": dict(mapping),
                "sample": shown,
            }
        )
        return
    columns = [{"column": name, "becomes": to} for name, to in mapping.items()]
    output.show(columns, ["column", "becomes"], "no column")
    output.stdout.print(f"{listed.rows} rows, {len(faults)} of them cannot be sent")
    for number, why in faults[:_SHOWN]:
        output.say(f"row {number}: {why}")
    for body in shown:
        output.say(jsonlib.dumps(body, ensure_ascii=False))


def _good(listed: ProspectFile, mapping: Mapping[str, str]) -> Iterator[Row]:
    return (row for row in prospectfile.rows(listed, mapping) if row.fault is None)


# -- sending ------------------------------------------------------------------------------------
async def _import(
    where: target.Target, listed: ProspectFile, mapping: Mapping[str, str], state: Progressed
) -> None:
    headers = {
        "authorization": f"Bearer {where.api_key}",
        "content-type": "application/x-ndjson",
    }
    waiting = islice(prospectfile.rows(listed, mapping), state.done, None)
    with _progress() as progress:
        task = progress.add_task("sent", total=state.rows, completed=state.done)
        async with httpx.AsyncClient(
            base_url=where.http, headers=headers, timeout=_TIMEOUT_S, trust_env=False
        ) as client:
            while chunk := list(islice(waiting, CHUNK)):
                await _send(client, chunk, state)
                state.done += len(chunk)
                _save(where, state)
                progress.update(task, completed=state.done)


async def _send(client: httpx.AsyncClient, chunk: list[Row], state: Progressed) -> None:
    """One request, until it is answered; what became of each row is noted."""
    sent = [row for row in chunk if row.fault is None]
    state.rejected += [(row.number, row.fault) for row in chunk if row.fault is not None]
    if not sent:
        return
    # A place for every row of the chunk, so that a row's number in the request is always the same.
    body = b"\n".join(row.body if row.fault is None else b"" for row in chunk)
    key = f"import-{state.import_id}-{chunk[0].number}"
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type((Later, httpx.TransportError)),
        wait=_until,
        stop=stop_after_delay(_PATIENCE_S),
        reraise=True,
    ):
        with attempt:
            answer = _read(
                await client.post("/v1/prospects", content=body, headers={"idempotency-key": key})
            )
    for result in answer["results"]:
        row = chunk[result["line"] - 1]
        match result["status"]:
            case "accepted":
                state.accepted += 1
            case "duplicate":
                state.duplicate += 1
            case _:
                first = result["errors"][0]
                state.rejected.append((row.number, f"{first['field']}: {first['message']}"))


def _read(response: httpx.Response) -> dict[str, Any]:
    """The results, or what stands against them.

    :raises Later: the door is to be asked again.
    :raises CommandError: it will never take this.
    """
    if response.status_code == 200:
        answer: dict[str, Any] = response.json()
        return answer
    try:
        detail = str(response.json().get("detail"))
    except ValueError:
        detail = response.text[:200]
    if response.status_code in (408, 429, 502, 503, 504):
        given = response.headers.get("retry-after", "")
        raise Later(float(given) if given.isdigit() else _WAIT_S, detail)
    raise CommandError(f"capture answers {response.status_code}: {detail}")


def _until(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    seconds = error.seconds if isinstance(error, Later) else _WAIT_S
    return min(seconds, _MOST_WAIT_S)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=output.stderr,
        disable=not output.stderr.is_terminal,
    )


# -- what is kept -------------------------------------------------------------------------------
def _state(where: target.Target, listed: ProspectFile, mapping: Mapping[str, str]) -> Progressed:
    """How far this import is: the same file with the same meaning is the same import."""
    meaning = jsonlib.dumps([listed.digest, sorted(mapping.items())])
    import_id = hashlib.sha256(meaning.encode()).hexdigest()[:16]
    fresh = Progressed(import_id, str(listed.path), listed.rows)
    place = _place(where, fresh)
    if not place.exists():
        return fresh
    kept = jsonlib.loads(place.read_text(encoding="utf-8"))
    rejected = [(int(number), str(why)) for number, why in kept.pop("rejected")]
    state = Progressed(**{**kept, "file": str(listed.path)}, rejected=rejected)
    if 0 < state.done < state.rows:
        output.say(f"goes on behind row {state.done} of {state.rows}")
    return state


def _place(where: target.Target, state: Progressed) -> Path:
    return where.data / "imports" / f"{state.import_id}.json"


def _save(where: target.Target, state: Progressed) -> None:
    place = _place(where, state)
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(".new")
    new.write_text(jsonlib.dumps(asdict(state)), encoding="utf-8")
    new.replace(place)  # whoever stops us in between leaves the old one


def _write_report(
    place: Path, listed: ProspectFile, mapping: Mapping[str, str], state: Progressed
) -> Path | None:
    """The rows that were not taken, as they were, with the reason: to be mended and imported."""
    if not state.rejected:
        return None
    why = dict(state.rejected)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow([*listed.columns, "row", "reason"])
        for row in prospectfile.rows(listed, mapping):
            if row.number in why:
                values = [row.values.get(name, "") for name in listed.columns]
                writer.writerow([*values, row.number, why[row.number]])
    return place


def _tell(
    state: Progressed, mapping: Mapping[str, str], before: int, refused: Path | None, json: bool
) -> None:
    if json:
        output.emit(
            {
                "import_id": state.import_id,
                "rows": state.rows,
                "accepted": state.accepted,
                "duplicate": state.duplicate,
                "rejected": len(state.rejected),
                "report": str(refused) if refused else None,
                "resumed_after": before,
                "mapping": dict(mapping),
            }
        )
        return
    if before == state.rows:
        output.say("this file was imported before; nothing was sent")
    output.stdout.print(
        f"{state.rows} rows: {state.accepted} accepted, {state.duplicate} known already, "
        f"{len(state.rejected)} rejected"
    )
    if refused:
        output.say(f"the rejected rows, with reasons: {refused}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise CommandError(f"--map {text!r}: write field=column", 2)
    return name, column
