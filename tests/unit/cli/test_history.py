"""Rows of a file as submissions of long ago, and what is said of a row that is none."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.capture.leadform import LeadForm
from services.cli import history
from services.cli.output import CommandError

_MAPPING = {"external_id": "id", "submitted_at": "when", "utm.source": "origin", "fields.page": "p"}


def _file(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_become_fields_and_rows_come_oldest_first(tmp_path: Path) -> None:
    text = "\ufeffid,when,origin,p,unused\nb,2018-02-01,google,7,x\na,2017-10-15,,7,x\n"
    rows = history.read(_file(tmp_path, "past.csv", text), _MAPPING, "%Y-%m-%d")
    assert [row.body["external_id"] for row in rows] == ["a", "b"]
    assert rows[0].at == datetime(2017, 10, 15, tzinfo=UTC)
    assert rows[1].body == {
        "external_id": "b",
        "submitted_at": "2018-02-01T00:00:00+00:00",
        "utm": {"source": "google"},
        "fields": {"page": "7"},
    }
    assert "utm" not in rows[0].body
    for row in rows:
        assert LeadForm.model_validate(row.body).submitted_at == row.at


def test_without_a_mapping_columns_are_named_as_fields(tmp_path: Path) -> None:
    lines = (
        '{"email": "b@x.example", "submitted_at": "2018-02-01T10:00:00+02:00"}\n\n'
        '{"email": "a@x.example", "submitted_at": "2018-02-01T07:59:59"}\n'
    )
    rows = history.read(_file(tmp_path, "past.ndjson", lines), {}, None)
    assert [row.body["email"] for row in rows] == ["a@x.example", "b@x.example"]
    assert rows[1].at == datetime(2018, 2, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "text", "time_format", "says"),
    [
        ("p.csv", "id,when\na,2018-01-01\nb,yesterday\n", "%Y-%m-%d", r"p\.csv row 2: .*yesterday"),
        ("p.csv", "id,when\na,yesterday\n", None, r"p\.csv row 1: .*yesterday"),
        ("p.csv", "id,when\na,\n", None, r"p\.csv row 1: no submitted_at"),
        ("p.csv", "id,moment\na,2018-01-01\n", None, r"p\.csv row 1: no column 'when'"),
        ("p.csv", "id,when\na\n", None, r"p\.csv row 1: .*column"),
        ("p.csv", "id,when\na,2018-01-01,b,c\n", None, r"p\.csv row 1: .*more"),
        ("p.ndjson", '{"id": "a", "when": "2018-01-01"}\n{"id":\n', None, r"p\.ndjson row 2: "),
        ("p.ndjson", "[1, 2]\n", None, r"p\.ndjson row 1: no JSON object"),
        ("p.csv", "id,when\n", None, r"p\.csv holds no row"),
        ("p.csv", "", None, r"p\.csv holds no row"),
    ],
)
def test_a_fault_names_the_row(
    tmp_path: Path, name: str, text: str, time_format: str | None, says: str
) -> None:
    path = _file(tmp_path, name, text)
    mapping = {"external_id": "id", "submitted_at": "when"}
    with pytest.raises(CommandError) as caught:
        history.read(path, mapping, time_format)
    assert re.search(says, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(b"id,when\n\xff\xfe\x00,2018\n")
    with pytest.raises(CommandError, match=r"p\.csv is not UTF-8"):
        history.read(path, {"external_id": "id", "submitted_at": "when"}, None)


def test_a_mapping_to_no_field_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="'emial' is no place for an answer") as caught:
        history.read(tmp_path / "p.csv", {"emial": "e"}, None)
    assert caught.value.code == 2
