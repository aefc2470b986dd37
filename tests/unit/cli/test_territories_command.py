"""``handraise territories report`` on a folder: nothing needs to run for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.cli.main import run

CONFIG = Path(__file__).parents[3] / "deploy" / "config"


def test_a_folder_is_looked_over_without_an_installation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["territories", "report", "--config", str(CONFIG), "--no-leads", "--json"]
    assert run(asked) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert table["file"] == "territories.yaml"
    assert {one["country"] for one in table["gaps"]} == {None}
    assert table["overlaps_found"]["hidden"] == 0


def test_an_unknown_table_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["territories", "report", "account-executive", "--config", str(CONFIG), "--no-leads"]
    assert run(asked) == 2
    assert "account-executives" in capsys.readouterr().err
