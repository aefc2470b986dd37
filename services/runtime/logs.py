"""Logging that cannot carry personal data.

A line is an event name and fields from a closed list (:data:`ALLOWED`); whatever else is bound is
dropped, and named in ``dropped`` so that it is missed. Of an exception only its class and where it
was raised are kept: its text may quote a record. What other libraries log goes the same way; of
those that are not known to keep data out of their messages only the place is kept.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, TextIO
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor

ALLOWED: Final = frozenset({
    # the line itself
    "event", "level", "timestamp", "logger", "service", "pid", "dropped",
    # where it happened
    "stage", "lane", "topic", "topics", "partition", "partitions", "offset", "lag", "group",
    "instance", "task", "route", "method", "status", "signal", "port", "url", "path", "line",
    # what it was about: our own ids, which name nobody
    "id", "input_id", "event_id", "submission_id", "lead_id", "assignment_id", "causation_id",
    "key_id", "rep_id", "job_id", "call", "row", "source", "sources", "pool", "provider", "adapter",
    "sink",
    "kind", "tier", "role", "cycle", "attempt", "sequence", "revision", "disposition", "end",
    # how much and how long
    "count", "records", "outputs", "rows", "bytes", "size", "limit", "seconds", "duration_ms",
    "delay_ms", "budget", "waited_s", "faults",
    # why
    "reason", "error", "at", "cause", "sqlstate", "code", "waiting_for", "doing", "version",
    "in_use", "field", "hint", "step", "steps", "state", "release", "schema", "broker", "epoch",
})  # fmt: skip
"""The fields that a log line may have."""

_QUOTABLE: Final = ("aiokafka", "alembic", "uvicorn", "asyncpg", "services")
"""Loggers whose messages hold addresses, topics and counts, and never a record."""

_MAX_TEXT: Final = 300
_MAX_ITEMS: Final = 50
_PERSONAL: Final = re.compile(r"[^\s@<>\"'(]+@[^\s@<>\"')]+\.[A-Za-z]{2,}|\+\d[\d ()./-]{6,18}\d")
_HERE: Final = Path(__file__).resolve().parents[2]


def configure(
    format: Literal["json", "console"] = "json",  # noqa: A002  (the name of the setting)
    level: str = "info",
    *,
    service: str = "handraise",
    stream: TextIO | None = None,
) -> None:
    """Send every log of this process to ``stream`` (stderr), through the allow-list."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_service(service),
        describe_exception,
        allow_listed,
    ]
    render: Processor = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())
    )
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Foreign([*shared, render]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(_number(level), logging.INFO))
    # One line per request, commit or heartbeat says nothing that a metric does not.
    for chatty in ("aiokafka", "uvicorn", "httpx", "alembic", "faststream", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns of every malformed header, and strangers choose how many there are.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def allow_listed(_: Any, __: str, line: EventDict) -> EventDict:
    """Keep the fields of :data:`ALLOWED`, with values that are short and plain."""
    first = ("timestamp", "level", "event")  # where a person looks
    names = [*(n for n in first if n in line), *(n for n in line if n not in first)]
    kept = {name: _plain(line[name]) for name in names if name in ALLOWED}
    dropped = sorted(_scrub(name) for name in line if name not in ALLOWED)
    if dropped:
        kept["dropped"] = dropped
    return kept


def describe_exception(_: Any, __: str, line: EventDict) -> EventDict:
    """Put class and place of an exception where its text and traceback would be."""
    given = line.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        line.update(describe(error))
    return line


def describe(error: BaseException) -> dict[str, str]:
    """``error``, ``at`` and ``cause`` of an exception: classes and places, nothing it says."""
    found = {"error": _class(error)}
    if place := _place(error.__traceback__):
        found["at"] = place
    if cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        found["cause"] = _class(cause)
    if state := getattr(error, "sqlstate", None):
        found["sqlstate"] = str(state)
    return found


class _Foreign(logging.Formatter):
    """Renders what other libraries log, through the same processors."""

    def __init__(self, processors: list[Processor]) -> None:
        super().__init__()
        self._processors = processors

    def format(self, record: logging.LogRecord) -> str:
        line: MutableMapping[str, Any] = {
            "event": _message(record),
            "logger": record.name,
            "exc_info": record.exc_info,
            "at": f"{record.module}:{record.lineno}",
        }
        for processor in self._processors:
            line = processor(None, record.levelname.lower(), line)  # type: ignore[assignment]
        return str(line)


def _message(record: logging.LogRecord) -> str:
    if not _belongs(record.name, _QUOTABLE):
        return "(a message of another library, not shown)"
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)


def _name_service(service: str) -> Processor:
    def add(_: Any, __: str, line: EventDict) -> EventDict:
        line.setdefault("service", service)
        return line

    return add


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _scrub(value)
        case UUID() | Path():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in list(value)[:_MAX_ITEMS]]
        case BaseException():
            return _class(value)
        case _ if hasattr(value, "isoformat"):
            return value.isoformat()
        case _:
            return f"<{type(value).__name__}>"


def _scrub(text: str) -> str:
    """A second guard: nothing that looks like an address or a number of a person, and no novel."""
    cleaned = _PERSONAL.sub("[removed]", str(text))
    return cleaned if len(cleaned) <= _MAX_TEXT else f"{cleaned[:_MAX_TEXT]}…"


def _class(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _place(trace: TracebackType | None) -> str | None:
    """The innermost of our own frames, else the innermost of all."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return None
    ours = [f for f in frames if f.filename.startswith(str(_HERE)) and ".venv" not in f.filename]
    frame = (ours or frames)[-1]
    path = Path(frame.filename)
    shown = path.relative_to(_HERE) if ours else Path(*path.parts[-2:])
    return f"{shown}:{frame.lineno} {frame.name}"


def _belongs(name: str, families: tuple[str, ...]) -> bool:
    return any(name == family or name.startswith(f"{family}.") for family in families)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
