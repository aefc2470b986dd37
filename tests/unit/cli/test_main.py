"""The command's frame: lazy, one line per failure, honest exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli import main
from services.cli.output import CommandError


def test_every_command_can_be_asked_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in main.COMMANDS:
        assert f"  {name} " in listed
        assert main.run([name, "--help"]) == 0


def test_a_failure_is_one_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise CommandError("no such thing", 5)

    monkeypatch.setattr(sys.modules[__name__], "failing", fail, raising=False)
    monkeypatch.setitem(main.COMMANDS, "failing", f"{__name__}:failing")
    assert main.run(["failing"]) == 5
    assert capsys.readouterr().err == "no such thing\n"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(sys.modules[__name__], "failing", fail, raising=False)
    monkeypatch.setitem(main.COMMANDS, "failing", f"{__name__}:failing")
    with pytest.raises(KeyError):
        main.run(["failing"])


@pytest.mark.parametrize(
    ("argv", "variable", "value"),
    [
        (["config", "list"], "POSTGRES__DSN", "postgresql://x:y@nowhere.invalid/db"),
        (["dlq", "list"], "KAFKA__BOOTSTRAP_SERVERS", "nowhere.invalid:9092"),
        (["watch"], "KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1"),
    ],
)
def test_an_address_that_is_wrong_is_one_line_too(
    argv: list[str], variable: str, value: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli.main", *argv, "--data", str(tmp_path)],
        env={**os.environ, f"HANDRAISE_{variable}": value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(("no connection: ", "Kafka: "))


@pytest.mark.parametrize("argv", [["nonsense"], ["service"], ["up", "--port", "many"]])
def test_wrong_use_is_exit_code_2(argv: list[str]) -> None:
    assert main.run(argv) == 2


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("capture", "door", "there is no part 'door' of capture; there are doors, stages"),
        ("scoring", "stages", "there is no part 'stages' of scoring; it has none"),
    ],
)
def test_a_part_that_a_service_does_not_have_is_refused(
    name: str, part: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["service", name, "--part", part]) == 2
    assert said in capsys.readouterr().err


def test_a_service_does_not_load_the_console() -> None:
    """What is imported for one command is paid for by every service at every start."""
    script = (
        "import sys\nfrom services.cli.main import build\nbuild(['service', 'scoring'])\n"
        "print([m for m in ('services.cli.up', 'fastapi', 'aiokafka') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
