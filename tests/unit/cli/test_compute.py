"""What services ask in a process apart, asked by somebody else."""

from __future__ import annotations

import io
import sys

import pytest

from services.cli.main import run


@pytest.mark.parametrize("line", ["", "{", "[]", '{"kind": "nothing", "request": {}}'])
def test_what_is_no_request_is_one_line(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line.encode())))
    assert run(["compute"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
