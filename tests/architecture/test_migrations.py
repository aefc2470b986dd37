"""The migrations of each schema are one line: two of one number would stop every start."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.reading import ROOT

ROOMS = sorted(path.parent for path in (ROOT / "services").glob("*/migrations/0001_*.py"))


def _said(path: Path, name: str) -> str | None:
    found = re.search(rf'^{name} = "?([^"\n]+)"?$', path.read_text(), re.MULTILINE)
    assert found is not None, path
    return None if found[1] == "None" else found[1]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.parent.name)
def test_each_follows_the_one_before(room: Path) -> None:
    files = sorted(room.glob("[0-9]*.py"))
    numbers = [f"{at:04}" for at in range(1, len(files) + 1)]
    assert [path.name[:4] for path in files] == numbers
    assert [_said(path, "revision") for path in files] == numbers
    assert [_said(path, "down_revision") for path in files] == [None, *numbers[:-1]]
