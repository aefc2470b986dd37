"""Reads the house's own source, for the tests that judge it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("capture", "enrichment", "scoring", "routing", "response", "delivery")


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: Path

    @property
    def name(self) -> str:
        """Dotted, as it is imported."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def imports(self) -> Iterator[tuple[str, int]]:
        """What it imports, dotted down to the name, with the line; type-checking blocks too."""
        for node in self.nodes:
            match node:
                case ast.Import(names=names):
                    yield from ((alias.name, node.lineno) for alias in names)
                case ast.ImportFrom(module=str(module), names=names):
                    yield from ((f"{module}.{alias.name}", node.lineno) for alias in names)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def names(self) -> Iterator[tuple[str, int]]:
        """Every dotted name that is read or called, with its line: ``datetime.now``."""
        for node in self.nodes:
            if isinstance(node, ast.Attribute | ast.Name) and (dotted := _dotted(node)):
                yield dotted, node.lineno


def modules(*folders: str) -> list[Module]:
    """Every module below the folders, migrations left out: they are scripts of SQL."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [_module(path) for path in found if "migrations" not in path.parts]


@cache
def _module(path: Path) -> Module:
    """Read and parsed once, however many rules judge it."""
    return Module(path)


def forget() -> None:
    """Lets go of what was parsed: some hundred megabytes."""
    _module.cache_clear()


def _dotted(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            before = _dotted(value)
            return f"{before}.{attribute}" if before else None
        case _:
            return None
