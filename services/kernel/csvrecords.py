"""CSV that people made, record by record: what is wrong with one costs that one, and is told with
the line on which it begins. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_UNCLOSED = "unexpected end of data"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file."""

    line: int
    """On which it ends, or begins where something is wrong; from 1."""
    cells: list[str]
    text: str
    """As it stands in the file, with its line ends."""
    lines: int
    """So many lines of it."""
    fault: str | None = None
    """Why it cannot be read; there are no cells then."""


def records(lines: str | Iterable[str], delimiter: str = ",") -> Iterator[Record]:
    """Every record, empty lines too.

    :param lines: a text, or its lines with their ends (``\\n`` and ``\\r`` alone end one: other
        signs that Unicode calls line ends stand in names that people copied).
    """
    taken: list[str] = []

    def passed() -> Iterator[str]:
        for line in _split(lines) if isinstance(lines, str) else lines:
            taken.append(line)
            yield line

    reader = csv.reader(passed(), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(begins, [], "".join(taken), len(taken), _told(str(error)))
        else:
            yield Record(reader.line_num, cells, "".join(taken), len(taken))
        taken.clear()


def _split(text: str) -> Iterator[str]:
    return (found.group() for found in _LINE.finditer(text))


def titles(found: Iterator[Record]) -> list[str]:
    """What the first record calls the columns, in small letters; none where there is no record."""
    first = next(found, None)
    return [name.strip().strip("\ufeff").casefold() for name in first.cells] if first else []


def other_delimiter(header: list[str]) -> str | None:
    """What to say of a header that is one cell, as its columns are not separated by commas."""
    found = next((sign for sign in ";\t|" if len(header) == 1 and sign in header[0]), None)
    return None if found is None else f"separate the columns by commas, not by {found!r}"


def too_long(cells: list[str], header: list[str]) -> str | None:
    """What to say of a record with more cells than there are columns: its values have moved."""
    if not any(cell.strip() for cell in cells[len(header) :]):
        return None
    return f"has {len(cells)} cells for {len(header)} columns; put a cell with a comma in quotes"


def _told(error: str) -> str:
    if error == _UNCLOSED:
        return "a quotation mark that opens here is never closed"
    return f"is no CSV: {error}"
