"""New points written into ``scoring.yaml``, every comment kept, as a diff to accept."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from services.runtime import yamltext
from services.runtime.yamltext import Path
from services.scoring.config import FILE

_POINTS = re.compile(r"(\bpoints:\s*)[+-]?\d+")


def rewritten(text: str, points: Mapping[str, int]) -> str:
    """The file with other points.

    :param points: by rule; rules that are not named keep theirs.
    :raises ValueError: names a rule whose points stand on no line of their own.
    """
    read = yamltext.read(text)
    lines = text.splitlines(keepends=True)
    for path, rule in _rules(read.data):
        if rule not in points:
            continue
        line = read.lines[(*path, "points")] - 1
        lines[line], times = _POINTS.subn(rf"\g<1>{points[rule]}", lines[line])
        if times != 1:
            place = f"{FILE}:{line + 1}"
            raise ValueError(f"{place}: the points of {rule!r} are not alone on this line")
    return "".join(lines)


def difference(text: str, changed: str) -> str:
    """A unified diff that ``patch -p1`` takes; empty where nothing differs."""
    return "".join(
        difflib.unified_diff(
            text.splitlines(keepends=True),
            changed.splitlines(keepends=True),
            f"a/{FILE}",
            f"b/{FILE}",
        )
    )


def _rules(data: object) -> Iterator[tuple[Path, str]]:
    assert isinstance(data, dict)
    for place in (("fit", "rules"), ("intent", "rules"), ("signals",)):
        rows: object = data
        for step in place:
            rows = rows.get(step, {}) if isinstance(rows, dict) else {}
        for at, rule in enumerate(rows if isinstance(rows, list) else []):
            yield (*place, at), rule["id"]
