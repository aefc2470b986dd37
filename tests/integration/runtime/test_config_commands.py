"""``handraise config publish --effective-at``, ``show`` and ``cancel``, as a person types them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.cli.main import run

EXAMPLE = Path(__file__).parents[3] / "deploy" / "config"
Typed = Callable[..., Any]


@pytest.fixture
def typed(postgres_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs `handraise config …` on a database of its own and gives the JSON that it prints."""
    folder = tmp_path / "config"
    shutil.copytree(EXAMPLE, folder)

    def call(*words: str, code: int = 0) -> Any:
        asked = ["config", *words, "--postgres", postgres_dsn, "--json"]
        assert run([str(folder) if one == "FOLDER" else one for one in asked]) == code
        said = capsys.readouterr()
        return json.loads(said.out) if code == 0 else said.err

    def change(text: str) -> None:
        routing = folder / "routing.yaml"
        routing.write_text(f"# {text}\n{routing.read_text()}")

    call.change = change  # type: ignore[attr-defined]
    return call


def test_a_version_becomes_active_later_and_can_be_called_off(typed: Typed) -> None:
    first = typed("publish", "--config", "FOLDER", "--author", "maya", "--note", "as it is")
    typed.change("next quarter")  # type: ignore[attr-defined]
    later = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S")
    coming = typed("publish", "--config", "FOLDER", "--effective-at", later, "--note", "Q1")
    assert coming["changed"] is False
    assert coming["version"] != first["version"]
    versions = typed("list")["versions"]
    assert [(one["version"], one["active"]) for one in versions] == [
        (coming["version"], False),
        (first["version"], True),
    ]
    assert versions[0]["effective_at"].startswith(later)
    assert typed("show")["version"] == first["version"], "not yet"
    assert (
        "next quarter" in typed("show", coming["version"], "routing.yaml")["files"]["routing.yaml"]
    )

    assert typed("cancel", coming["version"])["cancelled"] == 1
    assert [one["version"] for one in typed("list")["versions"]] == [first["version"]]
    assert "is not scheduled" in typed("cancel", coming["version"], code=1)


def test_show_prints_what_was_published(typed: Typed) -> None:
    typed("publish", "--config", "FOLDER")
    shown = typed("show")["files"]
    assert shown["routing.yaml"] == (EXAMPLE / "routing.yaml").read_text()
    version = typed("show")["version"]
    assert "has no rooting.yaml" in typed("show", version, "rooting.yaml", code=1)


def test_a_broken_set_replaces_nothing(typed: Typed) -> None:
    first = typed("publish", "--config", "FOLDER")
    typed.change("\nrulez: []")  # type: ignore[attr-defined]
    assert "rulez: unknown field; did you mean rules?" in typed(
        "publish", "--config", "FOLDER", code=2
    )
    assert typed("show")["version"] == first["version"]
