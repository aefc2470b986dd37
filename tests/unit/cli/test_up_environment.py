"""What the services of `up` are told of where they stand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.cli.up import Options, Up

PUBLIC = "HANDRAISE_HTTP__PUBLIC_URL"


def environment(of: str) -> dict[str, str]:
    parts: Any = SimpleNamespace(dsn="postgresql://x", bootstrap="127.0.0.1:1", broker="embedded")
    folder: Any = SimpleNamespace(path=Path("data"))
    options = Options(Path("data"), Path("config"), "embedded", "embedded", None, 1.0, False)
    program: Any = SimpleNamespace(name=of)
    return Up(options, folder, parts, {}, {"capture": 1, "delivery": 2})._environment(program)


def test_the_world_s_name_for_capture_is_no_other_service_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mails of delivery link to itself; a tunnel that HubSpot signs leads to capture."""
    monkeypatch.setenv(PUBLIC, "https://tunnel.example")
    assert environment("capture")[PUBLIC] == "https://tunnel.example"
    assert environment("delivery")[PUBLIC] == "http://127.0.0.1:2"
    monkeypatch.delenv(PUBLIC)
    assert environment("capture")[PUBLIC] == "http://127.0.0.1:1"
