"""Between what is stored as JSON and what is decided with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from schemas.base import Provenance


def provenances(stored: Mapping[str, Any]) -> dict[str, Provenance]:
    """Facts as they were stored."""
    return {name: Provenance.model_validate(value) for name, value in stored.items()}


def text(value: Any) -> str:
    """JSON, for a column that the statement casts."""
    return to_json(value).decode()
