"""The accounts file, line by line."""

from __future__ import annotations

from datetime import date

import pytest

from services.routing.accounts_csv import HeaderFault, Parsed, parse


def read(text: str, first_line: int = 1) -> Parsed:
    return parse(text, lambda name: name in ("ana", "ben"), first_line)


def test_a_full_line() -> None:
    (acme,) = read(
        "id,name,domains,aliases,country,postal_code,owner,owner_kind,opportunity_owner,"
        "open_opportunity,customer,named,contacts,since\n"
        '001,"Acme, Inc.",https://www.acme.com/about|shop.acme.de,acme.fr,uk,SW1A 1AA,ana,customer,'
        "ben,yes,no,x,12,2024-05-31\n"
    ).companies
    assert acme.domains == ("acme.com", "acme.de", "acme.fr")
    assert (acme.country, acme.postal_code, acme.contacts) == ("GB", "SW1A 1AA", 12)
    assert acme.owners == {"customer": "ana", "open_opportunity": "ben"}
    assert (acme.open_opportunity, acme.customer, acme.named) == (True, False, True)
    assert acme.since == date(2024, 5, 31)


def test_the_first_domain_stands_for_a_missing_id() -> None:
    (acme,) = read("name,domains\nAcme,acme.com acme.de\n").companies
    assert acme.company_id == "acme.com"


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (",acme.com,,,,", "name"),
        ("Acme,,,,,", "id"),
        ("Acme,acme.com,Germany,,,", "country"),
        ("Acme,acme.com,,maybe,,", "customer"),
        ("Acme,acme.com,,,-3,", "contacts"),
        ("Acme,acme.com,,,,31.05.2024", "since"),
    ],
)
def test_a_faulty_line_is_left_out_with_its_number_and_column(line: str, column: str) -> None:
    found = read(
        f"name,domains,country,customer,contacts,since\nGood,good.com,,,,\n{line}\n", first_line=100
    )
    assert [one.company_id for one in found.companies] == ["good.com"]
    assert [(fault.line, fault.column) for fault in found.faults] == [(102, column)]


def test_an_id_counts_once() -> None:
    found = read("id,name\n1,Acme\n1,Acme again\n")
    assert [one.name for one in found.companies] == ["Acme"]
    assert found.faults[0].message == "1 is there twice"


def test_what_is_nobodys_alone_is_noted_and_left_out() -> None:
    found = read("id,name,domains,owner\n1,Acme,gmail.com|acme.com|acme.github.io,zoe\n")
    assert found.companies[0].domains == ("acme.com", "acme.github.io")
    assert [note.message for note in found.notes] == [
        "gmail.com is not one company's domain: left out",
        "zoe (account) is nobody in teams.yaml",
    ]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("name,domain", "did you mean domains?"),
        ("name,country", "one of id and domains"),
        ("name,id,id", "twice"),
        ("", "needed"),
    ],
)
def test_a_wrong_header_says_what_is_wrong(header: str, said: str) -> None:
    with pytest.raises(HeaderFault, match=said.replace("?", r"\?")):
        read(f"{header}\nAcme,acme.com\n")


def test_a_comma_without_quotes_moves_no_value_into_another_column() -> None:
    found = read("id,name,domains\n1,Acme, Inc.,acme.com\n2,Bolt,bolt.com,,\n")
    assert [one.company_id for one in found.companies] == ["2"]
    assert [(one.line, "4 cells for 3 columns" in one.message) for one in found.faults] == [
        (2, True)
    ]


def test_an_open_quotation_mark_is_told_and_swallows_no_account_silently() -> None:
    found = read('id,name,domains\n1,Acme,acme.com\n2,"Bolt,bolt.com\n3,Coil,coil.com\n')
    assert [one.company_id for one in found.companies] == ["1"]
    assert [(one.line, "never closed" in one.message) for one in found.faults] == [(3, True)]


def test_columns_that_are_not_separated_by_commas_are_told_so() -> None:
    with pytest.raises(HeaderFault, match="by commas, not by ';'"):
        read("id;name;domains\n1;Acme;acme.com\n")
