"""The name by which a company is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.company_names import spoken_name


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("Acme Software GmbH", "Acme Software"),
        ("Acme, Inc.", "Acme"),
        ("  Acme   Ltd ", "Acme"),
        ("Muster GmbH & Co. KG", "Muster"),
        ("Société Générale SA", "Société Générale"),
        ("Volvo AB", "Volvo"),
        ("ACME INDUSTRIES LLC", "ACME Industries"),
        ("SAP SE", "SAP"),
        ("IBM", "IBM"),
        ("H&M", "H&M"),
        ("GmbH", "GmbH"),
        ("AS Roma", "AS Roma"),
        ("Blue Ocean", "Blue Ocean"),
    ],
)
def test_the_legal_form_goes_and_the_name_stays(written: str, known: str) -> None:
    assert spoken_name(written) == known


@given(st.text(min_size=1, max_size=80).filter(lambda text: bool(text.strip())))
def test_something_stays_of_every_name(name: str) -> None:
    assert spoken_name(name).strip()
