"""What commands print: data on stdout (tables, or JSON with ``--json``), talk on stderr."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.runtime.dsn import DSN, is_dsn

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with what would move a terminal's cursor, colours or direction written out.

    Much of what is printed was said by strangers, the bytes of refused requests among it.
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _Console(Console):
    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(visible(text), **how)


# Into a file or pipe a line is not broken where nobody's terminal ends.
stdout = _Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 400)
stderr = _Console(stderr=True, highlight=False, soft_wrap=True)


class CommandError(Exception):
    """A command cannot do what was asked; the message is one line for a person."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def _dsn(given: str | None) -> str | None:
    if given is not None and not is_dsn(given):
        raise CommandError(f"--postgres is {DSN}", 2)
    return given


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder of a running `up` (else HANDRAISE_DATA, .handraise)."),
]
PostgresOption = Annotated[
    str | None,
    typer.Option(
        "--postgres",
        help="DSN (else a running `up`, else HANDRAISE_POSTGRES__DSN).",
        callback=_dsn,
    ),
]


def say(text: str) -> None:
    """One line of talk."""
    stderr.print(Text(visible(text)))


def emit(value: Any) -> None:
    """One JSON document on one line; datetimes, UUIDs and dataclasses are understood."""
    sys.stdout.write(to_json(value).decode() + "\n")
    sys.stdout.flush()


def show(rows: Sequence[Mapping[str, Any]], columns: Iterable[str], empty: str) -> None:
    """A table for people; ``empty`` is said when there is no row."""
    if not rows:
        say(empty)
        return
    names = list(columns)
    table = Table(
        *(name.replace("_", " ") for name in names), box=None, pad_edge=False, show_edge=False
    )
    for row in rows:
        table.add_row(*(Text(visible(_cell(row.get(name)))) for name in names))
    stdout.print(table)


@contextmanager
def working(text: str) -> Iterator[None]:
    """Shows that something takes its time; says nothing where nobody watches."""
    if not stderr.is_terminal:
        yield
        return
    with stderr.status(Text(visible(text))):
        yield


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(str(one) for one in value)
        case _:
            return str(value)
