"""CSV records: what is wrong with one costs that one."""

from __future__ import annotations

import pytest

from services.kernel.csvrecords import records, too_long


def read(text: str) -> list[tuple[int, list[str], str | None]]:
    return [(one.line, one.cells, one.fault) for one in records(text)]


def test_a_cell_may_hold_line_ends_and_what_unicode_calls_line_ends() -> None:
    assert read('id,name\n1,"Acme\nInc."\n2,Bolt\u2028Foods\x0bLtd\x85\n') == [
        (1, ["id", "name"], None),
        (3, ["1", "Acme\nInc."], None),
        (4, ["2", "Bolt\u2028Foods\x0bLtd\x85"], None),
    ]


def test_a_quotation_mark_that_is_never_closed_swallows_nothing_silently() -> None:
    (_, good, (line, cells, fault)) = read('id,name\n1,Acme\n2,"Bolt\n3,Coil\n')
    assert good == (2, ["1", "Acme"], None)
    assert (line, cells) == (3, [])
    assert fault == "a quotation mark that opens here is never closed"


def test_an_inch_within_a_cell_is_a_text() -> None:
    assert read('1,5" Pipes\n2,Bolt\n') == [(1, ["1", '5" Pipes'], None), (2, ["2", "Bolt"], None)]


@pytest.mark.parametrize("wrong", ['2,"Bolt" Foods', "2," + "x" * 200_000])
def test_a_record_that_cannot_be_read_costs_itself(wrong: str) -> None:
    first, second, third = read(f"1,Acme\n{wrong}\n3,Coil\n")
    assert (first[1], third[1]) == (["1", "Acme"], ["3", "Coil"])
    assert second[0] == 2
    assert second[2] is not None


def test_the_texts_of_the_records_are_the_text() -> None:
    text = 'id,name\r\n1,"Acme\r\nInc."\n\n2,"Bolt" Foods\n3,Coil'
    assert "".join(one.text for one in records(text)) == text
    assert sum(one.lines for one in records(text)) == 6


def test_more_cells_than_columns_are_a_fault_and_empty_ones_behind_are_not() -> None:
    assert too_long(["1", "Acme", "Inc."], ["id", "name"]) is not None
    assert too_long(["1", "Acme", " "], ["id", "name"]) is None
    assert too_long(["1"], ["id", "name"]) is None
