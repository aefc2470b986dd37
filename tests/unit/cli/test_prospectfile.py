"""Columns of a list, what they are taken for, and what each row says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.cli import prospectfile
from services.cli.output import CommandError

LIST = (
    "Vorname;Nachname;E-Mail;Firma;Position;Employees;Phone\n"
    "Dana;Ott;dana@acme.example;Acme;VP Sales;250;+49 30 901820\n"
    "Lee;;lee at contoso;Contoso;CTO;90;\n"
    "Max;Kern;;;;;\n"
    "Ada;Moreau;ada@northwind.example\n"
)


def written(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_are_proposed_by_name_and_by_what_they_hold(tmp_path: Path) -> None:
    file = prospectfile.read(written(tmp_path, LIST))
    assert (file.delimiter, file.rows) == (";", 4)
    assert prospectfile.mapping_of(file, {}, []) == {
        "Vorname": "first_name",
        "Nachname": "last_name",
        "E-Mail": "email",
        "Firma": "company",
        "Position": "job_title",
        "Employees": "fields.company_size",
        "Phone": "phone",
    }


def test_short_names_of_columns_are_understood_and_others_are_kept(tmp_path: Path) -> None:
    text = "First,Last,Email,Industry,First touch\nDana,Ott,dana@acme.example,Software,2026-01-02\n"
    file = prospectfile.read(written(tmp_path, text))
    assert prospectfile.mapping_of(file, {}, []) == {
        "First": "first_name",
        "Last": "last_name",
        "Email": "email",
        "Industry": "fields.Industry",
        "First touch": "fields.First touch",
    }


def test_what_is_given_stands_before_what_is_proposed(tmp_path: Path) -> None:
    file = prospectfile.read(written(tmp_path, LIST))
    given = {"external_id": "E-Mail", "fields.role": "Position"}
    mapping = prospectfile.mapping_of(file, given, ["Phone"])
    assert mapping["E-Mail"] == "external_id"
    assert mapping["Position"] == "fields.role"
    assert "Phone" not in mapping


def test_a_row_is_a_line_or_says_why_it_is_none(tmp_path: Path) -> None:
    file = prospectfile.read(written(tmp_path, LIST))
    one, two, three, four = prospectfile.rows(file, prospectfile.mapping_of(file, {}, []))
    assert json.loads(one.body) == {
        "kind": "prospect",
        "first_name": "Dana",
        "last_name": "Ott",
        "email": "dana@acme.example",
        "company": "Acme",
        "job_title": "VP Sales",
        "fields": {"company_size": "250"},
        "phone": "+49 30 901820",
    }
    assert one.fault is None
    assert two.fault == "email: is not an e-mail address"
    assert three.fault is not None
    assert "one of email, phone and external_id" in three.fault
    assert four.fault == "has more or fewer columns than the first line"


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("email\n", {}, "holds no row"),
        ("email,email\na,b\n", {}, "names the column 'email' twice"),
        ("email\na@b.example\n", {"email": "mail"}, "has no column 'mail'; there are email"),
        ("email\na@b.example\n", {"emial": "email"}, "--map"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(
    tmp_path: Path, text: str, given: dict[str, str], says: str
) -> None:
    with pytest.raises(CommandError) as refused:
        prospectfile.mapping_of(prospectfile.read(written(tmp_path, text)), given, [])
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_open_quotation_mark_is_told_with_the_line_on_which_it_opens(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('email;company\na@b.example;Acme\nc@d.example;"Bolt\ne@f.example;Coil\n')
    with pytest.raises(CommandError, match=r"people\.csv:3 .*never closed"):
        prospectfile.read(path)
