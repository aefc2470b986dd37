"""Every command that asks a running installation, as a person at a shell uses it."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli import configfiles
from services.cli.samples import samples
from tests.support.commands import (
    LONG,
    Run,
    answer_of,
    assert_refused,
    decision_of,
    file_of,
    lead_file,
    send_lead,
)
from tests.support.up import COMMAND, Up, handraise
from tests.support.waiting import wait_until

POOL = "sdr-follow-the-sun"


# -- every decision again -------------------------------------------------------------------------


def test_decisions_of_a_running_installation_are_repeated_and_simulated(
    run: Run, running: Up, tmp_path: Path
) -> None:
    decision_of(running, send_lead(run, tmp_path, "again@repeated.example"))
    again = answer_of(run("recompute", "--json"))
    assert again["decisions"] > 0
    assert (again["different"], again["differences"]) == (0, [])
    page = tmp_path / "page.html"
    made = answer_of(run("simulate", "--html", str(page), "--json"))
    assert made["leads"] > 0
    assert {"assigned", "held", "nurtured", "merged", "diverted"} == made["ends"]["new"].keys()
    assert "<svg" in page.read_text()
    dry = answer_of(run("correct", "--untouched", "--dry-run", "--json"))
    assert (dry["dry_run"], dry["applied"]) == (True, 0)


# -- send and watch ------------------------------------------------------------------------------


def test_send_signs_as_the_form_tool_does(run: Run, running: Up, tmp_path: Path) -> None:
    body = next(samples(f"send-{time.time_ns()}", datetime.now(UTC)))
    assert body.source == "typeform_demo"
    file = file_of(tmp_path, body.body)
    answer = answer_of(run("send", "typeform_demo", file, "--json"))
    assert (answer["http"], answer["status"], answer["file"]) == (200, "accepted", file)
    assert decision_of(running, answer["submission_id"])["source"] == "typeform_demo"
    again = answer_of(run("send", "typeform_demo", file, "--json"))
    assert again["submission_id"] == answer["submission_id"]
    # In words, too; and a refusal is said with its exit code.
    assert "accepted" in run("send", "api", lead_file(tmp_path, "send@words.example")).stdout
    refused = run("send", "api", file_of(tmp_path, b'{"email": "x"}'))
    assert refused.returncode == 1
    assert "422" in refused.stdout
    assert "email" in refused.stdout


def test_send_says_what_is_wrong_in_one_line(run: Run, running: Up, tmp_path: Path) -> None:
    file = lead_file(tmp_path, "send@refused.example")
    assert_refused(run("send", "typefrom", file), "has no source 'typefrom'; there are api")
    config = shutil.copytree(configfiles.folder(None), tmp_path / "config")
    text = (config / "sources.yaml").read_text()
    text += "\n  pages: {adapter: api}\n  acme: {adapter: api, topic: partner}\n"
    (config / "sources.yaml").write_text(text.replace("secret: WEBSITE", "secret: NOBODYS"))
    unknown = run("send", "website", file, "--config", str(config))
    assert_refused(unknown, "the secret of 'website' is unknown: set HANDRAISE_SECRET_NOBODYS")
    # Another source of leads is not ours: its leads would come from the wrong one.
    for source, how in (("pages", "with a key of its own"), ("acme", "from its topic")):
        assert_refused(run("send", source, file, "--config", str(config)), how)
    assert run("send", "api", str(tmp_path)).returncode == 2
    nowhere = handraise("send", "api", file, "--data", str(tmp_path / "nothing"))
    assert_refused(nowhere, "start `handraise up`")


def test_watch_streams_ndjson_until_interrupted(run: Run, running: Up, tmp_path: Path) -> None:
    argv = [COMMAND, "watch", "--from-start", "--json", "--data", running.line["data"]]
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A suite that runs in the background ignores Ctrl-C, and so would what it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as shown:
        assert shown.stdout
        assert shown.stderr
        submission_id = send_lead(run, tmp_path, "watch@northwind.example")
        for line in shown.stdout:
            event = json.loads(line)
            if event["submission_id"] == submission_id:
                break
        assert event["rep"]["id"]
        assert event["reason"]
        shown.send_signal(signal.SIGINT)
        _, complaint = shown.communicate(timeout=LONG)  # it may just be writing a line
        assert shown.returncode == 130
        assert complaint == ""
    one = run("watch", "--from-start", "--count", "1")
    assert len(one.stdout.splitlines()) == 1
    assert "sdr" in one.stdout or "enterprise" in one.stdout


# -- why -----------------------------------------------------------------------------------------


def test_explain_tells_the_story_of_a_lead(run: Run, running: Up, tmp_path: Path) -> None:
    email = "explain@northwind-explained.example"
    submission_id = send_lead(run, tmp_path, email, country="DE", fields={"company_size": "51-200"})
    decision = decision_of(running, submission_id)

    def told_whole() -> dict[str, Any] | None:
        said = answer_of(run("explain", email.upper(), "--json"))
        return said if said["clocks"] else None  # response reads what was decided on its own time

    by_email = wait_until(told_whole, LONG, "the clocks of the lead")
    assert by_email == answer_of(run("explain", decision["lead_id"], "--json"))
    said = {"lead_id", "account_key", "touches", "known", "scores", "decisions"}
    assert by_email.keys() == said | {"response", "deliveries", "late_answers", "clocks"}
    assert [touch["submission_id"] for touch in by_email["touches"]] == [submission_id]
    assert by_email["known"]["facts"]["headcount"]["value"] == 51
    assert by_email["scores"][-1]["total"] == decision["score"]["total"]
    (made,) = by_email["decisions"]
    assert (made["reason"], made["rep_id"]) == (decision["reason"], decision["rep"]["id"])
    told = run("explain", email).stdout
    assert decision["reason"] in told
    assert decision["lead_id"] in told
    for named in ("headcount", "form", "demo_request", "rule mid-market: yes", "<- next"):
        assert named in told
    assert_refused(run("explain", "nobody@nowhere.example"), "nobody with the address")
    assert_refused(run("explain", "rubbish"), "neither a lead id nor an e-mail address")
    unknown = "00000000-0000-0000-0000-000000000001"
    assert_refused(run("explain", unknown), f"lead {unknown} is unknown")


def test_the_ledger_adds_up(run: Run, running: Up, tmp_path: Path) -> None:
    email = "ledger@northwind-ledger.example"
    submission_id = send_lead(run, tmp_path, email, job_title="VP Sales", country="FR")
    decision = decision_of(running, submission_id)
    found = answer_of(run("scoring", "explain", email, "--json"))
    assert found["total"] == sum(line["points"] for line in found["ledger"])
    assert found["total"] == decision["score"]["total"]
    for part in ("fit", "intent"):
        lines = [line["points"] for line in found["ledger"] if line["dimension"] == part]
        assert found[part] == sum(lines)
    assert {line["rule"] for line in found["ledger"]} >= {"seniority_executive", "demo_request"}
    told = run("scoring", "explain", email).stdout
    assert f"= {found['total'] / 100:g}: {found['tier']}" in told
    assert_refused(run("scoring", "explain", "nobody@nowhere.example"), "nobody with the address")


def test_fairness_shows_counts_against_what_was_due(run: Run, running: Up, tmp_path: Path) -> None:
    for number in range(6):
        sent = send_lead(run, tmp_path, f"fair@northwind-fair-{number}.example", country="SE")
    pool = decision_of(running, sent)["pool"]
    found = answer_of(run("fairness", pool, "--json"))
    members = found["members"]
    assert members
    for member in members:
        assert member.keys() >= {"id", "weight", "count", "entitlement", "deviation"}
        assert member["deviation"] == pytest.approx(member["count"] - member["entitlement"])
        assert abs(member["deviation"]) <= 2
    counts = sum(member["count"] for member in members)
    assert counts >= 6
    assert counts == pytest.approx(sum(member["entitlement"] for member in members))
    assert members[0]["id"] in run("fairness", pool).stdout
    assert_refused(run("fairness", "sdr-folow-the-sun"), "sdr-follow-the-sun")


# -- people, and whether it is fair ----------------------------------------------------------------


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
