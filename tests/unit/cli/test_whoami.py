"""The record of a change names somebody also where the user has no name."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from services.cli import whoami
from services.runtime.embedded import java


def test_a_login_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "mara")
    assert whoami.operator() == "mara"


@pytest.mark.parametrize("fault", [KeyError("uid not found"), OSError("No username set")])
def test_a_user_without_a_name_is_a_number(
    monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def nobody() -> str:
        raise fault

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert whoami.operator() == f"uid {os.getuid()}"


def test_a_user_without_a_home_has_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HANDRAISE_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert java.cache_folder().is_absolute()
