"""The secrets of the environment: ``HANDRAISE_SECRET_<NAME>``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

PREFIX_OF_KEYS: Final = "HANDRAISE_SECRET_"
_PREVIOUS: Final = "_PREVIOUS"


class Secrets(Mapping[str, list[bytes]]):
    """The secrets of the environment, by name. Never printed."""

    def __init__(self, values: Mapping[str, list[bytes]]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> list[bytes]:
        return self._values[_secret_name(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str, default: Any = None) -> list[bytes]:
        """The valid values of a secret, the present one first; empty when there is none."""
        return list(self._values.get(_secret_name(name), default or []))

    def names(self) -> list[str]:
        return sorted(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self.names())})"


def secrets() -> Secrets:
    """``HANDRAISE_SECRET_<NAME>`` and, while it is rotated, ``…_<NAME>_PREVIOUS``."""
    found: dict[str, list[bytes]] = {}
    for variable_name in sorted(os.environ):  # NAME sorts before NAME_PREVIOUS
        value = os.environ[variable_name]
        if variable_name.startswith(PREFIX_OF_KEYS) and value:
            name = variable_name.removeprefix(PREFIX_OF_KEYS).removesuffix(_PREVIOUS)
            found.setdefault(name.upper(), []).append(value.encode())
    return Secrets(found)


def _secret_name(name: str) -> str:
    return name.upper().replace("-", "_")
