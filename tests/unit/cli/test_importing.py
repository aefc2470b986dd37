"""``handraise import`` against a door of ours: it waits, goes on where it was, and reports."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import build


@dataclass
class Door:
    """Answers as capture does; ``refusals`` are given first."""

    url: str = ""
    refusals: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    leads: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By key and line: what a second sending of the same repeats."""

    def take(self, key: str, body: bytes) -> dict[str, Any]:
        self.keys.append(key)
        results = []
        for number, line in enumerate(body.split(b"\n"), 1):
            if not line.strip():
                continue
            known = f"{key}:{number}" in self.leads
            self.leads[f"{key}:{number}"] = json.loads(line)
            status = "duplicate" if known else "accepted"
            results.append({"line": number, "status": status, "submission_id": "x"})
        return {"results": results}


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Door]:
    door = Door()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = door.refusals.pop(0) if door.refusals else 200
            answer = {"detail": "not now"}
            if status == 200:
                answer = door.take(self.headers["idempotency-key"], body)
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("retry-after", "0")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    door.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HANDRAISE_HTTP__PUBLIC_URL", door.url)
    monkeypatch.setenv("HANDRAISE_API_KEY", "hr_test_x")
    monkeypatch.setenv("HANDRAISE_DATA", str(tmp_path / "data"))
    yield door
    server.shutdown()
    server.server_close()
    thread.join(5)


def run(*arguments: str) -> Result:
    argv = ["import", *arguments]
    return CliRunner().invoke(build(argv), argv)


def listed(folder: Path, rows: int) -> Path:
    path = folder / "list.csv"
    lines = [f"p{n}@acme.example,Acme" for n in range(rows)]
    path.write_text("\n".join(["email,company", *lines]) + "\n", encoding="utf-8")
    return path


def test_every_row_is_handed_in_once_however_often_it_runs(door: Door, tmp_path: Path) -> None:
    file = str(listed(tmp_path, 450))
    first = run(file, "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout.splitlines()[-1])
    assert (told["rows"], told["accepted"], told["rejected"]) == (450, 450, 0)
    assert len(door.leads) == 450
    assert len(door.keys) == 3
    again = json.loads(run(file, "--json").stdout.splitlines()[-1])
    assert (again["accepted"], again["resumed_after"], len(door.keys)) == (450, 450, 3)


def test_a_door_that_says_later_is_asked_again(door: Door, tmp_path: Path) -> None:
    door.refusals = [429, 503]
    told = json.loads(run(str(listed(tmp_path, 3)), "--json").stdout.splitlines()[-1])
    assert told["accepted"] == 3


def test_stopped_it_goes_on_without_a_second_lead(door: Door, tmp_path: Path) -> None:
    file = str(listed(tmp_path, 450))
    door.refusals = [200, 401]
    stopped = run(file)
    assert stopped.exit_code != 0
    assert len(door.leads) == 200
    # Answered, but we died before it was noted.
    (state,) = (tmp_path / "data" / "imports").glob("*.json")
    noted = state.read_text("utf-8")
    assert run(file).exit_code == 0
    state.write_text(noted, "utf-8")
    told = json.loads(run(file, "--json").stdout.splitlines()[-1])
    assert told["resumed_after"] == 200
    assert len(door.leads) == 450
    assert (told["accepted"], told["duplicate"]) == (200, 250)


def test_what_is_not_taken_is_in_the_report_as_it_was(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("email,company\na@acme.example,Acme\nnobody,Acme\n", encoding="utf-8")
    report = tmp_path / "rejected.csv"
    done = run(str(file), "--report", str(report))
    assert done.exit_code == 0
    assert "1 accepted" in done.stdout
    (row,) = csv.DictReader(report.read_text("utf-8").splitlines())
    why = "email: is not an e-mail address"
    assert row == {"email": "nobody", "company": "Acme", "row": "2", "reason": why}


def test_a_dry_run_sends_nothing_and_shows_what_it_would(door: Door, tmp_path: Path) -> None:
    told = json.loads(run(str(listed(tmp_path, 5)), "--dry-run", "--json").stdout)
    assert (told["rows"], told["valid"], told["invalid"]) == (5, 5, [])
    assert told["mapping"] == {"email": "email", "company": "company"}
    assert told["sample"][0] == {"kind": "prospect", "email": "p0@acme.example", "company": "Acme"}
    assert door.keys == []
    assert not (tmp_path / "data").exists()


def test_a_list_of_nobody_is_refused_before_anything_is_sent(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("company\nAcme\n", encoding="utf-8")
    refused = run(str(file))
    assert refused.exit_code != 0
    assert door.keys == []
