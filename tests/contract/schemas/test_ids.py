"""Deterministic ids are the UUIDs of version 5 that everybody else computes too."""

from __future__ import annotations

from uuid import uuid5

from hypothesis import given
from hypothesis import strategies as st

from schemas.base import NAMESPACE, deterministic_id

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)))


@given(st.lists(texts | st.uuids() | st.integers(), max_size=4))
def test_an_id_is_that_of_the_standard_library(parts: list[object]) -> None:
    found = deterministic_id(*parts)
    assert found == uuid5(NAMESPACE, "|".join(map(str, parts)))
    assert found.version == 5
