"""The migrations of each schema are one line, whoever added the last."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

_SERVICES = Path(__file__).parents[2] / "services"
FOLDERS = sorted(_SERVICES.glob("*/migrations"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_each_migration_follows_the_one_before_it(folder: Path) -> None:
    found = []
    for path in sorted(folder.glob("0*.py")):
        text = path.read_text("utf-8")
        number = re.search(r'^revision = "(\w+)"', text, re.MULTILINE)
        before = re.search(r'^down_revision = (?:"(\w+)"|None)', text, re.MULTILINE)
        assert number, path.name
        assert before, path.name
        assert path.name.startswith(f"{number[1]}_")
        found.append((number[1], before[1]))
    assert found[0][1] is None
    assert [before for _, before in found[1:]] == [number for number, _ in found[:-1]]
    assert all(one < other for (one, _), (other, _) in pairwise(found))
