"""Configuration files: YAML into a pydantic model, every fault with its file, line and path.

``parse`` reads one file. :class:`Faults` reads several and collects the faults of all of them,
those of a semantic check included, so that a person mends them in one go.

A validator that knows more than pydantic (a tree that parses itself) raises a ``ValueError`` with
an attribute ``path`` (a tuple, relative to the field it validates), or with an attribute ``faults``
(pairs of such a path and a message); both are reported at the line that they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from services.runtime import yamltext
from services.runtime.configfaults import explain
from services.runtime.yamltext import Path, Yaml, YamlError

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong. ``str()`` is what a person reads."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return f"{place} {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigError(Exception):
    """The configuration cannot be used; ``str()`` has one line per fault."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(set(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


def parse(model: type[M], text: str, file: str) -> M:
    """The model of one file.

    :raises ConfigError: with every fault of the file.
    """
    faults = Faults({file: text})
    value = faults.parse(model, file)
    faults.check()
    assert value is not None
    return value


@dataclass(slots=True)
class Faults:
    """Collects what is wrong in a set of files."""

    files: Mapping[str, str]
    found: list[Fault] = field(default_factory=list)
    _read: dict[str, Yaml] = field(default_factory=dict)

    def parse(self, model: type[M], file: str) -> M | None:
        """The model of ``file``; None when it has faults, which are then collected."""
        before = len(self.found)
        document = self._document(file)
        if document is None:
            return None
        for twice in document.duplicates:
            self.found.append(Fault(file, twice.line, dotted(twice.path), str(twice)))
        # An empty file is an empty mapping: the missing fields are then named one by one.
        data = {} if document.data is None else document.data
        try:
            value = model.model_validate(data)
        except ValidationError as error:
            for path, message in explain(model, data, error):
                self.add(file, path, message)
            return None
        return value if len(self.found) == before else None

    def add(self, file: str, path: Path, message: str) -> None:
        """Report that the value at ``path`` of ``file`` is wrong."""
        self.found.append(Fault(file, self.locate(file, path), dotted(path), message))

    def locate(self, file: str, path: Path) -> int:
        """Line of the value at ``path``, or of the nearest part of the path that exists."""
        document = self._read.get(file)
        if document is None:
            return 1
        for length in range(len(path), -1, -1):
            if line := document.lines.get(path[:length]):
                return line
        return 1

    def check(self) -> None:
        """:raises ConfigError: when anything was collected."""
        if self.found:
            raise ConfigError(self.found)

    def _document(self, file: str) -> Yaml | None:
        if file in self._read:
            return self._read[file]
        if file not in self.files:
            self.found.append(Fault(file, 1, "", "this file is missing"))
            return None
        try:
            self._read[file] = yamltext.read(self.files[file])
        except YamlError as error:
            self.found.append(Fault(file, error.line, dotted(error.path), str(error)))
            return None
        return self._read[file]


def dotted(path: Iterable[Any]) -> str:
    """A path as people write it: ``rules.0.when``."""
    return ".".join(str(part) for part in path)


__all__ = ["ConfigError", "Fault", "Faults", "Path", "dotted", "parse"]
