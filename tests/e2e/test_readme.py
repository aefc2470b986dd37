"""What README says is tried: its snippet runs, its links lead somewhere, its commands exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from services.cli import main
from tests.support.up import Up, up

_ROOT = Path(__file__).parents[2]
_TEXT = (_ROOT / "README.md").read_text()
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCKS = [(match[1], match[2]) for match in _FENCED.finditer(_TEXT)]
_LINKS = sorted(set(re.findall(r"\]\(([^)#\s]+)[^)]*\)", _TEXT)))


def _block(language: str, holding: str) -> str:
    (found,) = [text for name, text in _BLOCKS if name == language and holding in text]
    return found


def _commands() -> Iterator[str]:
    """Every ``handraise …`` of a block's line or of the prose, without what explains it."""
    lines = [line for _, text in _BLOCKS for line in text.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", _FENCED.sub("", _TEXT))
    for line in lines:
        for part in line.split("#")[0].split("&&"):
            told = re.match(r"\s*(?:\S*/)?handraise ((?:\S| (?! ))+)", part)
            if told:
                yield told[1].strip()


_COMMANDS = sorted(set(_commands()))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("readme") / "data") as started:
        yield started


def test_the_subscriber_sees_the_lead_of_the_curl_example(running: Up, tmp_path: Path) -> None:
    script = tmp_path / "subscriber.py"
    script.write_text(_block("python", "AIOKafkaConsumer"))
    env = {**os.environ, "KAFKA": running.line["kafka"]}
    with subprocess.Popen(
        [sys.executable, str(script)],
        env=env,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as subscriber:
        try:
            answer = _as_curl_does(running)
            assert answer.json()["status"] == "accepted", answer.text
            assert subscriber.stdout
            line = subscriber.stdout.readline()
            assert subscriber.poll() is None, subscriber.stderr and subscriber.stderr.read()
            assert re.fullmatch(
                r"assigned dana@northwind\.example -> \w+ \w+ because Demo request .*\.\n", line
            ), line
        finally:
            subscriber.terminate()
    assert _as_curl_does(running).json() == {**answer.json(), "status": "duplicate"}


def _as_curl_does(running: Up) -> httpx.Response:
    words = shlex.split(_block("", "curl ").replace("\\\n", " "))
    assert words[0] == "curl"
    headers, body, url = {}, "", ""
    for option, value in pairwise(words):
        if option == "-H":
            name, _, given = value.partition(":")
            headers[name] = given.strip().replace("$KEY", str(running.line["api_key"]))
        elif option == "-d":
            body = value
    (url,) = [word for word in words if word.startswith("http")]
    assert json.loads(body)["email"]
    at = running.http + httpx.URL(url).path
    answer = httpx.post(at, content=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer


def test_the_readme_was_read() -> None:
    assert len(_LINKS) > 8
    assert len(_COMMANDS) > 12


@pytest.mark.parametrize("link", _LINKS)
def test_every_relative_link_leads_somewhere(link: str) -> None:
    assert link.startswith(("https://", "http://127.0.0.1")) or (_ROOT / link).exists(), link


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_exists_with_its_options(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command.split()
    for name in words[0].split("|"):
        assert name in main.COMMANDS
        helped = _help([name], capsys)
        for choice in words[1].split("|") if "Commands:" in helped else [None]:
            path = [name, choice] if choice else [name]
            told = _help(path, capsys)
            for option in (word for word in words if word.startswith("--")):
                assert option in told, f"{' '.join(path)} has no {option}"


def _help(path: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    code = main.run([*path, "--help"])
    told = capsys.readouterr()
    assert code == 0, told.err
    return told.out


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.findall(r"@@\w+@@|\bTODO\b|\bTBD\b", _TEXT)
