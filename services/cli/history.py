"""Rows of a CSV or NDJSON file as ``/v1/leads`` bodies with the time at which they happened."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from services.capture.config import checked_targets
from services.cli.output import CommandError


@dataclass(frozen=True, slots=True)
class Past:
    """One submission of long ago."""

    at: datetime
    body: dict[str, Any]


def read(path: Path, mapping: Mapping[str, str], time_format: str | None) -> list[Past]:
    """Every row, oldest first.

    :param mapping: target (as in ``sources.yaml``) -> column; empty: columns are named as targets.
    :param time_format: of ``submitted_at``, as ``strptime`` takes it; None: ISO 8601. A time
        without an offset counts as UTC.
    :raises CommandError: names the row and what is wrong with it.
    """
    try:
        checked_targets({column: name for name, column in mapping.items()})
    except ValueError as error:
        raise CommandError(f"--map: {error}", 2) from None
    rows: list[Past] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, read_row in enumerate(_rows(path, file), start=1):
                try:
                    rows.append(_past(read_row(), mapping, time_format))
                except ValueError as error:
                    raise CommandError(f"{path} row {number}: {error}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8") from None
    except csv.Error as error:
        raise CommandError(f"{path} is no CSV: {error}") from None
    if not rows:
        raise CommandError(f"{path} holds no row")
    return sorted(rows, key=lambda past: past.at)


def _rows(path: Path, file: Iterable[str]) -> Iterator[Callable[[], Mapping[str, Any]]]:
    """Each row, to be read where its fault can be told with its number."""
    if path.suffix == ".csv":
        for row in csv.DictReader(file):
            yield partial(_of_csv, row)
    else:
        for line in file:
            if line.strip():
                yield partial(_of_json, line)


def _of_csv(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    if None in row:
        raise ValueError("more columns than the first line")
    if None in row.values():
        raise ValueError("fewer columns than the first line")
    return row


def _of_json(line: str) -> Mapping[str, Any]:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("no JSON object")
    return row


def _past(row: Mapping[str, Any], mapping: Mapping[str, str], time_format: str | None) -> Past:
    columns = mapping or {name: name for name in row}
    absent = [column for column in columns.values() if column not in row]
    if absent:
        raise ValueError(f"no column {absent[0]!r}")
    values = {target: row[column] for target, column in columns.items() if row[column] != ""}
    if "submitted_at" not in values:
        raise ValueError("no submitted_at")
    at = _moment(str(values["submitted_at"]), time_format)
    return Past(at, nested({**values, "submitted_at": at.isoformat()}))


def _moment(text: str, time_format: str | None) -> datetime:
    # A format without %z gives a naive time, which the next line takes as UTC.
    at = datetime.strptime(text, time_format) if time_format else datetime.fromisoformat(text)  # noqa: DTZ007
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for target, value in values.items():
        group, dot, member = target.partition(".")
        if dot:
            body.setdefault(group, {})[member] = value
        else:
            body[group] = value
    return body
