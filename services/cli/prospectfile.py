"""Rows of a CSV file as lines for ``/v1/prospects``: what the columns are, what each row says."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from services.capture.adapters.proposing import Question, propose
from services.capture.config import checked_targets
from services.capture.leadform import LeadForm
from services.cli.history import nested
from services.cli.output import CommandError
from services.kernel.csvrecords import records
from services.kernel.identity import normalise_email

_SAMPLE_ROWS = 50
_SNIFFED = 8_192
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class ProspectFile:
    """A file that was read, as far as its columns."""

    path: Path
    columns: tuple[str, ...]
    proposed: Mapping[str, str]
    """Column to target, guessed from names and values."""
    delimiter: str
    digest: str
    """Of its bytes."""
    rows: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file."""

    number: int
    """From 1, the line with the names of the columns not counted."""
    values: Mapping[str, str]
    body: bytes
    """As it is sent."""
    fault: str | None
    """Why it cannot be sent, as far as that is known here."""


def read(path: Path) -> ProspectFile:
    """Look at a file whole, and guess what its columns are.

    :raises CommandError: it is no CSV in UTF-8, or holds no row.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8: save it as CSV UTF-8") from None
    delimiter = _delimiter(text)
    try:
        reader = csv.DictReader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = tuple(reader.fieldnames or ())
        samples: dict[str, str] = {}
        rows = 0
        for rows, row in enumerate(reader, 1):
            if rows <= _SAMPLE_ROWS:
                for name in columns:
                    if row.get(name) and name not in samples:
                        samples[name] = str(row[name]).strip()
    except csv.Error as error:
        wrong = next((one for one in records(text, delimiter) if one.fault), None)
        where, why = (f":{wrong.line}", wrong.fault) if wrong else ("", f"is no CSV: {error}")
        raise CommandError(f"{path}{where} {why}") from None
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise CommandError(f"{path} names the column {twice[0]!r} twice")
    if rows == 0:
        raise CommandError(f"{path} holds no row")
    asked = [Question(name, name, samples.get(name, "")) for name in columns]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ProspectFile(path, columns, propose(asked), delimiter, digest, rows)


def mapping_of(
    file: ProspectFile, given: Mapping[str, str], dropped: Sequence[str]
) -> dict[str, str]:
    """Column to target: what is given, then what was proposed; the rest goes to ``fields``.

    :param given: target to column, as on the command line.
    :raises CommandError: names what there is not.
    """
    for column in (*given.values(), *dropped):
        if column not in file.columns:
            known = ", ".join(file.columns)
            raise CommandError(f"{file.path} has no column {column!r}; there are {known}", 2)
    chosen = {column: target for target, column in given.items()}
    guessed = {
        column: target
        for column, target in file.proposed.items()
        if column not in chosen and target not in given
    }
    rest = {
        column: f"fields.{column}"
        for column in file.columns
        if column and column not in chosen and column not in guessed
    }
    mapping = {**chosen, **guessed, **rest}
    mapping = {name: mapping[name] for name in file.columns if name in mapping}
    try:
        checked_targets({column: target for column, target in mapping.items() if column in chosen})
    except ValueError as error:
        raise CommandError(f"--map: {error}", 2) from None
    return {column: target for column, target in mapping.items() if column not in dropped}


def rows(file: ProspectFile, mapping: Mapping[str, str]) -> Iterator[Row]:
    """Every row, in the file's order."""
    with file.path.open(newline="", encoding="utf-8-sig") as opened:
        reader = csv.DictReader(opened, delimiter=file.delimiter, strict=True)
        for number, values in enumerate(reader, 1):
            if None in values or None in values.values():
                plain = {name: str(value or "") for name, value in values.items() if name}
                yield Row(number, plain, b"", "has more or fewer columns than the first line")
                continue
            body = _body(values, mapping)
            yield Row(number, values, to_json(body), _fault(body))


def _body(values: Mapping[str, str], mapping: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, str] = {}
    for column, target in mapping.items():
        if text := values[column].strip():
            found[target] = text
    if "full_name" in found:
        first, _, last = found.pop("full_name").partition(" ")
        found.setdefault("first_name", first)
        found.setdefault("last_name", last)
    return {"kind": "prospect", **nested(found)}


def _fault(body: Mapping[str, Any]) -> str | None:
    """What capture would refuse; without its values, which are personal."""
    try:
        form = LeadForm.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        return f"{place}: {message}" if place else message
    if form.email is not None and normalise_email(form.email) is None:
        return "email: is not an e-mail address"
    return None


def _delimiter(text: str) -> str:
    """The delimiter of the first line; a comma where it holds none."""
    try:
        return csv.Sniffer().sniff(text[:_SNIFFED].partition("\n")[0], _DELIMITERS).delimiter
    except csv.Error:
        return ","
