"""Every field that our code logs is on the allow-list, so that no line loses what it says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from services.runtime.logs import ALLOWED

SERVICES = Path(__file__).parents[3] / "services"
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "bind"}


def fields() -> Iterator[tuple[str, str]]:
    for path in sorted(SERVICES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _is_log(node.func):
                for keyword in node.keywords:
                    if keyword.arg and keyword.arg != "exc_info":
                        yield f"{path.relative_to(SERVICES)}:{node.lineno}", keyword.arg


def _is_log(function: ast.expr) -> bool:
    match function:
        case ast.Attribute(value=ast.Name(id="log" | "_log"), attr=method):
            return method in METHODS
        case ast.Attribute(value=ast.Attribute(attr="log" | "_log"), attr=method):
            return method in METHODS
        case _:
            return False


def test_every_logged_field_is_allowed() -> None:
    found = list(fields())
    assert len(found) > 30, "the scan sees the calls"
    assert [(place, field) for place, field in found if field not in ALLOWED] == []
