"""Every command line that the documents show is one that there is, with its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli.main import build

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy" / "config").glob("*.yaml"),
        *(ROOT / "deploy" / "prometheus").rglob("*.yml"),
        ROOT / "README.md",
        ROOT / "deploy" / "compose.yaml",
    ]
)
_LINE = re.compile(r"(?:^|[`$ (/])handraise (?P<words>[a-z][^\n`|#>]*)", re.MULTILINE)
_PUNCTUATION = "[].,;:)(…"


@cache
def _root() -> Any:
    return typer.main.get_command(build([]))


def _wrong(line: str) -> Iterator[str]:
    """What of a command line there is not. What stands behind it in prose is passed over."""
    command, words = _root(), line.split("  ", maxsplit=1)[0].split()
    while words and hasattr(command, "commands"):
        word = words[0].split("|")[0].split("/")[0].strip(_PUNCTUATION)
        if word not in command.commands:
            if command is not _root() and re.fullmatch(r"[a-z-]+", word):
                yield f"no {word} in: {line}"
            return
        command, words = command.commands[word], words[1:]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for word in words:
        option = word.strip(_PUNCTUATION).split("=")[0]
        if option.startswith("--") and option not in known | {"--help"}:
            yield f"no {option} in: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_only_commands_that_there_are(page: Path) -> None:
    text = page.read_text("utf-8").replace("\\\n", " ")
    assert [wrong for found in _LINE.finditer(text) for wrong in _wrong(found["words"])] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("reps pause ana --for 2h", False),
        ("reps stop ana", True),
        ("reps pause ana --during 2h", True),
        ("accounts import accounts.csv --dry-run    nothing is stored", False),
    ],
)
def test_what_is_looked_for_is_found(line: str, wrong: bool) -> None:
    assert bool(list(_wrong(line))) is wrong
