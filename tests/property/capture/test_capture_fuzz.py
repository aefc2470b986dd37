"""Requests to every door made wrong in 10,000 ways: never a crash, a 5xx or a long wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.door import DOORS, Door
from tests.fuzz.mutations import DrawnDice, SeededDice, Shot
from tests.fuzz.seeds import content_type

INPUTS = 10_000
_FINDINGS = sorted((Path(__file__).parents[2] / "fuzz/findings").glob("*/*"))


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


def test_every_door_has_something_valid_to_start_from(door: Door) -> None:
    assert [name for name, seeds in door.seeds.items() if not seeds] == []
    for name, seeds in door.seeds.items():
        statuses = {door.shoot(name, Shot(body, headers, {}, {})).status for body, headers in seeds}
        assert 200 in statuses, name


@pytest.mark.parametrize("name", DOORS)
@settings(
    max_examples=INPUTS // 4 // len(DOORS),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_hypothesis_finds_nothing(door: Door, name: str, data: st.DataObject) -> None:
    door.try_one(name, DrawnDice(data))


@pytest.mark.parametrize("name", DOORS)
def test_seeded_mutations_find_nothing(door: Door, name: str) -> None:
    for seed in range(INPUTS * 3 // 4 // len(DOORS) + 1):
        door.try_one(name, SeededDice(seed))


@pytest.mark.parametrize("path", _FINDINGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_was_found_once_stays_mended(door: Door, path: Path) -> None:
    body = path.read_bytes()
    door.shoot(path.parent.name, Shot(body, {"content-type": content_type(body)}, {}, {}))
