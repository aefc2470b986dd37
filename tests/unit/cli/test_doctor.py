"""What is looked at where the services run elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from services.cli import main

Look = Callable[..., dict[str, str]]


@pytest.fixture
def look(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Look:
    """Runs it beside a database that nobody can reach: check -> state."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HANDRAISE_DATA", raising=False)
    monkeypatch.setenv("HANDRAISE_POSTGRES__DSN", "postgresql://nobody@127.0.0.1:1/nothing")

    def run(*options: str) -> dict[str, str]:
        assert main.run(["doctor", "--json", *options]) == 1
        findings = json.loads(capsys.readouterr().out)["findings"]
        return {one["check"]: one["state"] for one in findings}

    return run


def test_without_a_data_folder_none_is_judged(look: Look) -> None:
    found = look()
    assert found["database"] == "FAULT"
    assert "data folder" not in found


def test_one_that_is_named_is_judged(look: Look, tmp_path: Path) -> None:
    assert look("--data", str(tmp_path / "data"))["data folder"] == "ok"
