"""Writes what other teams read: ``python -m services.cli.docs``, called by ``make docs``.

JSON Schemas, ``docs/asyncapi.json`` and ``docs/openapi.json``. With ``--check`` it compares only,
and exits with 1 where one is out of date.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from schemas import export
from services.cli.docs import asyncapi, openapi

ROOT = Path(__file__).parents[3]


def documents(root: Path = ROOT) -> dict[Path, str]:
    """The text of every document, by its path below ``root``."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version: str = project["version"]
    return {
        root / "docs" / "asyncapi.json": export.render(asyncapi.document(version)),
        root / "docs" / "openapi.json": export.render(openapi.document(version)),
    }


def outdated(root: Path = ROOT) -> list[str]:
    """One line per committed document that is not what would be written now."""
    return [
        f"{path.relative_to(root)} is out of date: run `make docs` and commit it"
        for path, text in documents(root).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        faults = outdated() + export.drift(export.current())
        print("\n".join(faults) or "the documents agree with the code")
        return 1 if faults else 0
    export.main([])
    for path, text in documents().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
