"""``handraise compute``: what a service asks of a process of its own, one request, one answer.

Not for people. Only the command may read every service's files, so whoever checks a whole set asks
here; and what keeps a core busy is done here, where nobody waits for a lead.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import asyncpg
import typer
from pydantic_core import from_json, to_json

from services.cli import configfiles, configtests, target
from services.cli.output import CommandError
from services.cli.readcalendar import Unread, read_calendar
from services.routing.review import books, runs
from services.routing.review.asked import Check, Correction, Recomputation, Simulation, Tests
from services.routing.review.page import page
from services.routing.review.testing import FILE
from services.routing.review.whatif import Unclear
from services.runtime.apart import OUT_OF_MEMORY, not_usable
from services.runtime.configfile import ConfigError
from services.runtime.configstore import NoConfiguration, version_of
from services.scoring.asked import Rescoring
from services.scoring.review import rescored

_NICER: Final = 10
_MEGABYTE: Final = 1024 * 1024


def compute(
    seconds: Annotated[int, typer.Option(min=1, help="Of CPU, at most.")] = 60,
    megabytes: Annotated[int, typer.Option(min=128, help="Of address space, at most.")] = 2048,
) -> None:
    """Answer one request of a service: a line of JSON in, a line out."""
    kind, request = _asked(sys.stdin.buffer.readline())
    _bound(seconds, megabytes)
    try:
        threading.Thread(target=_end_with_the_asker, daemon=True).start()
        answer = asyncio.run(_answer(kind, request))
        text = to_json(answer)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()


def _asked(line: bytes) -> tuple[str, Mapping[str, Any]]:
    try:
        asked = from_json(line)
        kind, request = asked["kind"], asked["request"]
    except (ValueError, KeyError, TypeError):
        kind, request = None, {}
    if kind not in _KINDS or not isinstance(request, dict):
        raise CommandError("services ask it: a line of JSON with kind and request on its input", 2)
    return kind, request


def _bound(seconds: int, megabytes: int) -> None:
    os.nice(_NICER)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    if sys.platform == "linux":  # elsewhere the address space is no measure
        most = megabytes * _MEGABYTE
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _end_with_the_asker() -> None:
    """Nobody reads the answer once the other end of our input is closed."""
    sys.stdin.buffer.read()
    os._exit(1)


async def _answer(kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        async with target.connection(target.find().postgres) as connection:
            return {"result": await _KINDS[kind](connection, request)}
    except ConfigError as error:
        return {"problem": not_usable(error.faults)}
    except Unclear as error:
        return _problem(422, "Invalid request", f"what_if: {error}")
    except Unread as error:
        return _problem(502, "Not read", str(error))
    except NoConfiguration as error:
        return _problem(404, "Unknown version", str(error))


def _problem(status: int, title: str, detail: str) -> dict[str, Any]:
    return {"problem": {"status": status, "title": title, "detail": detail}}


async def _files(
    connection: asyncpg.Connection, version: str | None, own: Mapping[str, str | None]
) -> tuple[str, dict[str, str]]:
    """The files of a version with others in their place, and what they are called."""
    _, before = await books.files_of(connection, None, version)
    files = {name: text for name, text in {**before, **own}.items() if text is not None}
    return version_of(files), files


async def _check(connection: asyncpg.Connection, request: Mapping[str, Any]) -> dict[str, Any]:
    asked = Check.model_validate(request)
    name, files = await _files(connection, asked.version, asked.files)
    faults, findings = [], []
    try:
        configfiles.check(files)
        findings = configfiles.findings(files, datetime.now(UTC))
    except ConfigError as error:
        faults = error.faults
    return {
        "version": name,
        "faults": [asdict(one) for one in faults],
        "findings": [asdict(one) for one in findings],
    }


async def _test(connection: asyncpg.Connection, request: Mapping[str, Any]) -> dict[str, Any]:
    asked = Tests.model_validate(request)
    name, files = await _files(connection, asked.version, asked.files)
    report, lines = configtests.run_tests(files, asked.tests, FILE)
    percent = round(100 * report.coverage, 1)
    told = configtests.document(report, lines, percent)
    good = told["ok"] and percent >= asked.min_coverage
    return {**told, "ok": good, "version": name}


async def _simulation(connection: asyncpg.Connection, request: Mapping[str, Any]) -> dict[str, Any]:
    asked = Simulation.model_validate(request)
    now = datetime.now(UTC)
    name, files = await _files(connection, asked.version, asked.files)
    if asked.what_if:
        made = await runs.supposed(connection, files, name, asked.what_if, now, asked.moves)
    elif asked.old is not None:
        older, old = await _files(connection, asked.old, {})
        both, names = (old, files), (older, name)
        made = await runs.replayed_both(connection, both, names, asked.within(now), asked.moves)
    else:
        made = await runs.replayed(connection, files, name, asked.within(now), asked.moves)
    return {"report": made, "page": page(made, f"Simulation: {made['new']}")}


async def _recomputation(
    connection: asyncpg.Connection, request: Mapping[str, Any]
) -> dict[str, Any]:
    asked = Recomputation.model_validate(request)
    return {"report": (await books.recomputed(connection, asked.since, asked.until)).as_dict()}


async def _rescoring(connection: asyncpg.Connection, request: Mapping[str, Any]) -> dict[str, Any]:
    asked = Rescoring.model_validate(request)
    name, files = await _files(connection, asked.version, asked.files)
    made = await rescored(connection, name, files, (asked.since, asked.until), asked.moves)
    return {"report": made.as_dict(), "page": made.page()}


async def _correction(connection: asyncpg.Connection, request: Mapping[str, Any]) -> dict[str, Any]:
    asked = Correction.model_validate(request)
    name, files = await _files(connection, asked.version, asked.files)
    period = asked.within(datetime.now(UTC))
    moves = await runs.mended(connection, files, name, period, untouched=asked.untouched)
    to_move = sum(one.to is not None for one in moves)
    return {"report": {"version": name, "moves": moves, "to_move": to_move}}


_KINDS: dict[str, Callable[[asyncpg.Connection, Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
    "check": _check,
    "test": _test,
    "simulation": _simulation,
    "scoring_simulation": _rescoring,
    "recomputation": _recomputation,
    "correction": _correction,
    "calendar": lambda _, request: read_calendar(request),
}
