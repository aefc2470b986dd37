"""Ports that are chosen long before anybody listens on them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from services.runtime.embedded import ports

MANY = 8
_CHOOSE = """
import json, sys
from services.runtime.embedded import ports
ports._LOWEST, ports._HIGHEST = json.loads(sys.argv[1])
print(json.dumps([ports.free_port() for _ in range(int(sys.argv[2]))]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """A range that has hardly more than is chosen, far from everybody else's."""
    start = next(
        at for at in range(12000, 19000, 50)
        if all(ports.is_free(port) for port in range(at, at + 3 * MANY))
    )  # fmt: skip
    monkeypatch.setattr(ports, "_LOWEST", start)
    monkeypatch.setattr(ports, "_HIGHEST", start + 2 * MANY)
    return start, start + 2 * MANY


def test_no_two_processes_choose_the_same_port(narrow: tuple[int, int]) -> None:
    ours = [ports.free_port() for _ in range(MANY)]
    argv = [sys.executable, "-c", _CHOOSE, json.dumps(narrow), str(MANY)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        theirs = json.loads(other.stdout.readline())
        assert sorted([*ours, *theirs]) == list(range(*narrow))
        with pytest.raises(OSError, match="no free port"):
            ports.free_port()
        other.communicate(timeout=30)
    assert ports.free_port() in theirs, "who has ended needs its ports no more"
