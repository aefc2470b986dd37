"""Changing people, and asking whether it is fair, as a person at a shell does it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.commands import LONG, Run, answer_of, assert_refused, decision_of, send_lead
from tests.support.up import Up
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)
POOL = "sdr-follow-the-sun"


def _reps(run: Run) -> dict[str, dict[str, Any]]:
    listed = answer_of(run("reps", "list", "--pool", POOL, "--json"))["reps"]
    return {one["id"]: one for one in listed}


def test_who_is_paused_gets_nothing_until_resumed(run: Run, running: Up, tmp_path: Path) -> None:
    working = [name for name, one in _reps(run).items() if one["available"]]
    kept = working[0]
    for name in working[1:]:
        paused = answer_of(run("reps", "pause", name, "--for", "2h", "--reason", "drill", "--json"))
        assert paused["away"] == "paused"
        assert paused["paused"]["origin"]["note"] == "drill"
    try:
        sent = send_lead(run, tmp_path, "ann@pause-one.example", country="DE")
        decided = decision_of(running, sent)
        assert decided["rep"]["id"] == kept
    finally:
        for name in working[1:]:
            answer_of(run("reps", "resume", name, "--json"))
    assert all(_reps(run)[name]["available"] for name in working)
    assert_refused(run("reps", "resume", kept), "neither paused nor offboarded")


def test_caps_leave_and_history_over_command_and_http(run: Run, running: Up) -> None:
    capped = answer_of(run("reps", "cap", "noah.kim", "--day", "9", "--open", "none", "--json"))
    assert {name: cap["value"] for name, cap in capped["caps"].items()} == {"day": 9, "open": None}
    away = answer_of(run("reps", "leave", "noah.kim", "--from", "2099-07-01", "--until",
                         "2099-07-14", "--reason", "summer", "--json"))  # fmt: skip
    change = str(away["leave"][0]["change"])
    answer_of(run("reps", "leave", "noah.kim", "--cancel", change, "--json"))
    answer_of(run("reps", "cap", "noah.kim", "--reset", "--json"))
    url = running.line["services"]["routing"]
    key = {"Authorization": f"Bearer {running.line['api_key']}"}
    shown = httpx.get(f"{url}/v1/reps/noah.kim", headers=key).json()
    assert [line["kind"] for line in shown["history"]] == ["leave", "cap"]
    assert shown["caps"] == {}
    assert httpx.get(f"{url}/v1/reps").status_code == 401
    assert_refused(run("reps", "show", "noah.kin"), "did you mean")


def test_offboarding_moves_the_leads_and_the_account_says_so(
    run: Run, running: Up, tmp_path: Path
) -> None:
    sent = send_lead(run, tmp_path, "ann@leaver-one.example", country="DE")
    leaver = decision_of(running, sent)["rep"]["id"]
    dry = answer_of(run("reps", "offboard", leaver, "--dry-run", "--json"))
    assert dry["moved"] >= 1
    assert _reps(run)[leaver]["available"]
    done = answer_of(run("reps", "offboard", leaver, "--reason", "left", "--json"))
    assert (done["moved"], leaver in done["receivers"]) == (dry["moved"], False)

    def taken() -> list[dict[str, str]]:
        found = run("fairness", POOL, "--ledger", "--rep", leaver, "--csv")
        assert found.returncode == 0, found.stderr
        rows = list(csv.DictReader(io.StringIO(found.stdout)))
        return [row for row in rows if row["entry"] == "taken" and row["reason"] == "left"]

    assert len(wait_until(taken, LONG)) == done["moved"]
    report = answer_of(run("fairness", POOL, "--json"))
    (member,) = [one for one in report["members"] if one["id"] == leaver]
    assert report["accounts"][leaver]["turns"] == member["count"]
    assert answer_of(run("reps", "resume", leaver, "--json"))["active"]["value"] is True
