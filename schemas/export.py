"""Writes the JSON Schemas that other teams read (``python -m schemas.export``).

A schema describes what a *writer* sends and is closed. What a *reader* must tolerate on top
(unknown fields, unknown members of an open vocabulary) is in :mod:`schemas.compatibility`.
``jsonschema/released/`` is what the previous release promised; the tests hold every change to it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.catalog import EVENTS, EXAMPLES, FOLDER, good
from schemas.topics import TOPICS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS = FOLDER / "jsonschema"
RELEASED = SCHEMAS / "released"
EXAMPLES_MANIFEST = "examples.sha256.json"
RELEASE_FILE = "RELEASE"


def schema_of(event_type: str) -> dict[str, Any]:
    """The closed JSON Schema (draft 2020-12) of what a writer of this event sends."""
    body = EVENTS[event_type].model_json_schema(mode="validation")
    topics = [spec.name for spec in TOPICS if spec.event is EVENTS[event_type]]
    return {"$schema": DIALECT, "$id": f"urn:handraise:{event_type}", "x-topics": topics, **body}


def render(document: Mapping[str, Any]) -> str:
    """Stable text, so that a change of meaning is a change of the file and nothing else is."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def current() -> dict[Path, str]:
    """What belongs in ``jsonschema/``, by path."""
    return {SCHEMAS / f"{name}.json": render(schema_of(name)) for name in EVENTS}


def drift(wanted: Mapping[Path, str], folder: Path = SCHEMAS) -> list[str]:
    """One line per file of ``folder`` that is missing, differs, or belongs to nothing."""
    faults = [f"{path.name} is missing" for path in wanted if not path.exists()]
    faults += [
        f"{path.name} differs from the models"
        for path, text in wanted.items()
        if path.exists() and path.read_text(encoding="utf-8") != text
    ]
    return faults + [
        f"{path.name} belongs to no event" for path in folder.glob("*.json") if path not in wanted
    ]


def manifest() -> dict[str, str]:
    """SHA-256 of every good example; a released example never changes."""
    return {
        path.relative_to(EXAMPLES).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for event_type in EVENTS
        for path in good(event_type)
    }


def release(version: str) -> None:
    """Make the present contract the one that later changes are held to."""
    RELEASED.mkdir(parents=True, exist_ok=True)
    for stale in RELEASED.iterdir():
        stale.unlink()
    for path, text in current().items():
        (RELEASED / path.name).write_text(text, encoding="utf-8")
    (RELEASED / EXAMPLES_MANIFEST).write_text(render(manifest()), encoding="utf-8")
    (RELEASED / RELEASE_FILE).write_text(f"{version}\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 where ``--check`` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--release", metavar="VERSION", help="freeze the contract as released")
    options = parser.parse_args(arguments)
    wanted = current()
    if options.check:
        faults = drift(wanted)
        print("\n".join(faults) or "the JSON Schemas agree with the models")
        return 1 if faults else 0
    SCHEMAS.mkdir(exist_ok=True)
    for path in SCHEMAS.glob("*.json"):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    if options.release:
        release(options.release)
    print(f"{len(wanted)} schemas in {SCHEMAS}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
