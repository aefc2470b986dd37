"""Every command that asks or changes a running installation, as a person at a shell uses it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.capture.adapters import ADAPTERS
from services.cli import configfiles
from services.cli.samples import samples
from services.runtime.datafolder import DataFolder
from tests.support.up import COMMAND, Up, handraise, up
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)
_LONG = 60.0
_END = {"assigned", "held", "nurtured", "merged", "quarantined", "rejected", "dead_lettered"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One installation for the module, on a copy of the example configuration."""
    root = tmp_path_factory.mktemp("commands")
    config = shutil.copytree(configfiles.folder(None), root / "config")
    with up(root / "data", "--config", str(config)) as started:
        yield started


@pytest.fixture
def run(running: Up) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A command against it."""

    def command(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        known = {**os.environ, "HANDRAISE_DATA": running.line["data"], **env}
        return handraise(*arguments, env=known)

    return command


Run = Callable[..., subprocess.CompletedProcess[str]]


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _refused(done: subprocess.CompletedProcess[str], says: str, code: int = 1) -> None:
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr


def _file(tmp_path: Path, body: bytes, name: str = "body.json") -> str:
    path = tmp_path / name
    path.write_bytes(body)
    return str(path)


def _lead(tmp_path: Path, email: str, **fields: Any) -> str:
    return _file(tmp_path, json.dumps({"kind": "demo_request", "email": email, **fields}).encode())


@asynccontextmanager
async def _reader(kafka: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, auto_offset_reset="earliest", fetch_max_wait_ms=20
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def _decision(running: Up, submission_id: str) -> dict[str, Any]:
    """The first change that a submission brought about, as an outsider sees it."""

    async def find() -> dict[str, Any]:
        async with asyncio.timeout(_LONG), _reader(running.line["kafka"], "assignments.v1") as seen:
            async for record in seen:
                event = json.loads(record.value)
                if event["submission_id"] == submission_id:
                    return dict(event)
        raise AssertionError("the stream ended")

    return asyncio.run(find())


def _sent(run: Run, tmp_path: Path, email: str, **fields: Any) -> str:
    answer = _json(run("send", "api", _lead(tmp_path, email, **fields), "--json"))
    assert answer["status"] == "accepted"
    return str(answer["submission_id"])


# -- send and watch ------------------------------------------------------------------------------


def test_send_signs_as_the_form_tool_does(run: Run, running: Up, tmp_path: Path) -> None:
    body = next(samples(f"send-{time.time_ns()}", datetime.now(UTC)))
    assert body.source == "typeform_demo"
    file = _file(tmp_path, body.body)
    answer = _json(run("send", "typeform_demo", file, "--json"))
    assert (answer["http"], answer["status"], answer["file"]) == (200, "accepted", file)
    assert _decision(running, answer["submission_id"])["source"] == "typeform_demo"
    again = _json(run("send", "typeform_demo", file, "--json"))
    assert again["submission_id"] == answer["submission_id"]
    # In words, too; and a refusal is said with its exit code.
    assert "accepted" in run("send", "api", _lead(tmp_path, "send@words.example")).stdout
    refused = run("send", "api", _file(tmp_path, b'{"email": "x"}'))
    assert refused.returncode == 1
    assert "422" in refused.stdout
    assert "email" in refused.stdout


def test_send_says_what_is_wrong_in_one_line(run: Run, running: Up, tmp_path: Path) -> None:
    file = _lead(tmp_path, "send@refused.example")
    _refused(run("send", "typefrom", file), "sources.yaml has no source 'typefrom'; there are api,")
    config = shutil.copytree(configfiles.folder(None), tmp_path / "config")
    text = (config / "sources.yaml").read_text()
    (config / "sources.yaml").write_text(text.replace("secret: WEBSITE", "secret: NOBODYS"))
    unknown = run("send", "website", file, "--config", str(config))
    _refused(unknown, "the secret of 'website' is unknown: set HANDRAISE_SECRET_NOBODYS")
    assert run("send", "api", str(tmp_path)).returncode == 2
    nowhere = handraise("send", "api", file, "--data", str(tmp_path / "nothing"))
    _refused(nowhere, "start `handraise up`")


def test_watch_streams_ndjson_until_interrupted(run: Run, running: Up, tmp_path: Path) -> None:
    argv = [COMMAND, "watch", "--from-start", "--json", "--data", running.line["data"]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shown:
        assert shown.stdout
        assert shown.stderr
        submission_id = _sent(run, tmp_path, "watch@northwind.example")
        for line in shown.stdout:
            event = json.loads(line)
            if event["submission_id"] == submission_id:
                break
        assert event["rep"]["id"]
        assert event["reason"]
        shown.send_signal(signal.SIGINT)
        assert shown.wait(_LONG) == 130
        assert shown.stderr.read() == ""
    one = run("watch", "--from-start", "--count", "1")
    assert len(one.stdout.splitlines()) == 1
    assert "sdr" in one.stdout or "enterprise" in one.stdout


# -- why -----------------------------------------------------------------------------------------


def test_explain_tells_the_story_of_a_lead(run: Run, running: Up, tmp_path: Path) -> None:
    email = "explain@northwind-explained.example"
    submission_id = _sent(run, tmp_path, email, country="DE", fields={"company_size": "51-200"})
    decision = _decision(running, submission_id)
    by_email = _json(run("explain", email.upper(), "--json"))
    assert by_email == _json(run("explain", decision["lead_id"], "--json"))
    assert by_email.keys() == {"lead_id", "account_key", "touches", "known", "scores", "decisions"}
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
    _refused(run("explain", "nobody@nowhere.example"), "nobody with the address nobody@nowhere")
    _refused(run("explain", "rubbish"), "neither a lead id nor an e-mail address")
    unknown = "00000000-0000-0000-0000-000000000001"
    _refused(run("explain", unknown), f"lead {unknown} is unknown")


def test_the_ledger_adds_up(run: Run, running: Up, tmp_path: Path) -> None:
    email = "ledger@northwind-ledger.example"
    submission_id = _sent(run, tmp_path, email, job_title="VP Sales", country="FR")
    decision = _decision(running, submission_id)
    found = _json(run("scoring", "explain", email, "--json"))
    assert found["total"] == sum(line["points"] for line in found["ledger"])
    assert found["total"] == decision["score"]["total"]
    for part in ("fit", "intent"):
        lines = [line["points"] for line in found["ledger"] if line["dimension"] == part]
        assert found[part] == sum(lines)
    assert {line["rule"] for line in found["ledger"]} >= {"seniority_executive", "demo_request"}
    told = run("scoring", "explain", email).stdout
    assert f"= {found['total'] / 100:g}: {found['tier']}" in told
    _refused(run("scoring", "explain", "nobody@nowhere.example"), "nobody with the address")


def test_fairness_shows_counts_against_what_was_due(run: Run, running: Up, tmp_path: Path) -> None:
    for number in range(6):
        sent = _sent(run, tmp_path, f"fair@northwind-fair-{number}.example", country="SE")
    pool = _decision(running, sent)["pool"]
    found = _json(run("fairness", pool, "--json"))
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
    _refused(run("fairness", "sdr-folow-the-sun"), "pools with turns: ")


# -- set aside -----------------------------------------------------------------------------------


def _kept(run: Run, source: str, reason: str) -> list[dict[str, Any]]:
    listed = _json(run("quarantine", "list", "--source", source, "--json"))["quarantine"]
    return [one for one in listed if one["reason"] == reason]


def test_a_wrong_signature_is_kept_and_released_once_the_secret_is_mended(
    run: Run, running: Up
) -> None:
    secret = "the secret that the form tool has"
    lead = {"email": "released@northwind-late.example", "country": "DE", "kind": "demo_request"}
    body = json.dumps({"type": "lead.submitted", "data": lead}).encode()
    signed = ADAPTERS["standard_webhooks"].sign(body, secret.encode(), time.time())
    before = datetime.now(UTC)
    refused = httpx.post(f"{running.http}/hooks/website", content=body, headers=signed)
    after = datetime.now(UTC)
    assert refused.status_code == 401
    (kept,) = wait_until(lambda: _kept(run, "website", "bad_signature"), _LONG)
    shown = _json(run("quarantine", "show", kept["quarantine_id"], "--json"))
    assert shown["body"] == body.decode()
    assert before <= datetime.fromisoformat(shown["received_at"]) <= after
    assert "bad_signature" in run("quarantine", "list").stdout

    id_ = str(kept["quarantine_id"])
    _refused(run("quarantine", "release", id_), "its signature is still wrong for website")
    released = run("quarantine", "release", id_, "--json", HANDRAISE_SECRET_WEBSITE=secret)
    (submission_id,) = _json(released)["released"]
    end = _decision(running, submission_id)
    assert end["status"] == "assigned"
    assert end["received_at"] == shown["received_at"]
    assert _kept(run, "website", "bad_signature") == []
    again = run("quarantine", "release", id_, HANDRAISE_SECRET_WEBSITE=secret)
    _refused(again, f"{id_} was released at ")
    nothing = "00000000-0000-0000-0000-000000000001"
    for command in ("show", "release"):
        _refused(run("quarantine", command, nothing), "there is nothing in quarantine under")


def test_a_test_lead_is_rejected_and_can_be_let_through(
    run: Run, running: Up, tmp_path: Path
) -> None:
    submission_id = _sent(run, tmp_path, "trial@northwind-trial.example", test=True)

    def rejected() -> list[dict[str, Any]]:
        return [o for o in _kept(run, "api", "test") if o["submission_id"] == submission_id]

    (kept,) = wait_until(rejected, _LONG)
    assert kept["disposition"] == "rejected"
    assert run("quarantine", "release", str(kept["quarantine_id"])).returncode == 0
    assert _decision(running, submission_id)["received_at"] == kept["received_at"]


def test_a_poison_record_is_a_dead_letter_that_can_be_replayed(run: Run, running: Up) -> None:
    poison = b"\xff\x00 this is no event"

    async def put() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=running.line["kafka"])
        await producer.start()
        try:
            await producer.send_and_wait("leads.scored.v1", poison, key=b"poison")
        finally:
            await producer.stop()

    def letters() -> list[dict[str, Any]]:
        return list(_json(run("dlq", "list", "--json"))["dead_letters"])

    asyncio.run(put())
    (letter,) = wait_until(letters, _LONG)
    assert letter["stage"] == "routing"
    assert letter["origin_topic"] == "leads.scored.v1"
    shown = _json(run("dlq", "show", letter["ref"], "--json"))
    assert shown["value"].startswith("base64:")
    assert shown["key"] == "poison"
    assert letter["reason"] in run("dlq", "list").stdout
    assert "base64:" in run("dlq", "show", letter["ref"]).stdout
    assert _json(run("dlq", "replay", letter["ref"], "--json")) == {"replayed": [letter["ref"]]}
    again = wait_until(lambda: [one for one in letters() if one["replays"] == 1], _LONG)
    assert len(again) == 1
    none = _json(run("dlq", "replay", "--all", "--reason", "no such reason", "--json"))
    assert none == {"replayed": []}
    _refused(run("dlq", "replay"), "name the records to replay, or give --all", 2)
    _refused(run("dlq", "replay", letter["ref"], "--all"), "not both", 2)
    _refused(run("dlq", "show", "x/0/0"), "there is no dead letter x/0/0")
    _refused(run("dlq", "list", "--topic", "leads.scored.v1.ruoting.dlq"), "did you mean leads.", 2)


# -- configuration -------------------------------------------------------------------------------


def test_a_published_configuration_is_taken_up(run: Run, running: Up, tmp_path: Path) -> None:
    before = _decision(running, _sent(run, tmp_path, "a@northwind-before.example"))
    config = shutil.copytree(configfiles.folder(None), tmp_path / "changed")
    more = "\n  second_site:\n    adapter: standard_webhooks\n    secret: WEBSITE\n"
    with (config / "sources.yaml").open("a") as file:
        file.write(more)
    published = _json(run("config", "publish", "--config", str(config), "--json"))
    assert published["before"] == before["config_version"]
    assert published["changed"]
    # The deciding transaction reads the active version itself: the very next decision has it.
    after = _decision(running, _sent(run, tmp_path, "a@northwind-after.example"))
    assert after["config_version"] == published["version"]
    body = _file(tmp_path, b'{"type": "lead", "data": {"email": "b@northwind-two.example"}}')

    def taken() -> subprocess.CompletedProcess[str] | None:
        sent = run("send", "second_site", body, "--config", str(config), "--json")
        return sent if sent.returncode == 0 else None

    answer = json.loads(wait_until(taken, _LONG).stdout)
    assert _decision(running, answer["submission_id"])["source"] == "second_site"
    assert not _json(run("config", "publish", "--config", str(config), "--json"))["changed"]
    back = _json(run("config", "rollback", before["config_version"], "--json"))
    assert back["version"] == before["config_version"]


def test_a_service_takes_a_version_up_within_a_second(
    run: Run, running: Up, tmp_path: Path
) -> None:
    """From the register's commit to capture's use of it, measured from outside."""
    config = shutil.copytree(configfiles.folder(None), tmp_path / "quick")
    with (config / "sources.yaml").open("a") as file:
        file.write("\n  third_site:\n    adapter: standard_webhooks\n    secret: WEBSITE\n")
    secret = DataFolder(Path(running.line["data"])).known_secrets()["WEBSITE"]
    body = b'{"type": "lead", "data": {"email": "c@northwind-three.example"}}'
    signed = ADAPTERS["standard_webhooks"].sign(body, secret.encode(), time.time())
    url = f"{running.http}/hooks/third_site"

    def known() -> bool:
        return httpx.post(url, content=body, headers=signed, timeout=_LONG).status_code == 200

    assert not known()
    _json(run("config", "publish", "--config", str(config), "--json"))
    # Twice what is promised: the command itself ends some time after its commit, two cores are
    # shared with everything else.
    wait_until(known, 2.0)


# -- history and the demo ------------------------------------------------------------------------


def _history(tmp_path: Path) -> str:
    rows = "".join(f"olist-{n},2018-01-{n % 28 + 1:02},organic_search\n" for n in range(40))
    return _file(tmp_path, f"id,when,origin\n{rows}".encode(), "past.csv")


_MAP = ("--map", "external_id=id", "--map", "submitted_at=when", "--map", "fields.origin=origin")


def test_history_is_replayed_into_a_sandbox(run: Run, tmp_path: Path) -> None:
    command = ("replay", _history(tmp_path), "--source", "api", *_MAP, "--time-format", "%Y-%m-%d")
    summary = _json(run(*command, "--kind", "content_download", "--json"))
    assert summary["accepted"] == 40
    assert summary["unaccounted"] == 0
    assert sum(summary[end] for end in _END) == 40
    again = run(*command, "--kind", "content_download")
    assert again.returncode == 0
    assert again.stdout == "0 rows (40 were here before): -; 0 without an end\n"
    # Another kind is another body, so another submission: a nurtured lead moves up, an owned one
    # is merged.
    asked = _json(run(*command, "--kind", "demo_request", "--json"))
    assert (summary["nurtured"], asked["assigned"], asked["unaccounted"]) == (40, 40, 0)
    known = _json(run(*command, "--kind", "pricing_request", "--json"))
    assert (known["merged"], known["unaccounted"]) == (40, 0)
    _refused(run("replay", command[1], "--source", "website", *_MAP), "with adapter `api`")
    _refused(run("replay", command[1], "--source", "api", "--map", "x=id"), "--map: 'x' is no", 2)


def test_history_is_refused_outside_a_sandbox(postgres_dsn: str, tmp_path: Path) -> None:
    env = {**os.environ, "HANDRAISE_POSTGRES__DSN": postgres_dsn}
    env["HANDRAISE_KAFKA__BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    done = handraise(
        "replay", _history(tmp_path), "--source", "api", *_MAP, env=env, cwd=str(tmp_path)
    )
    _refused(done, "not marked as a sandbox: history would go to real reps")


def test_the_demo_accounts_for_everything(tmp_path: Path) -> None:
    done = handraise(
        "demo", "--leads", "40", "--json", "--data", str(tmp_path / "demo"), "--port", "0"
    )
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last.keys() == {"accepted", "duplicates", *_END, "unaccounted", "latency_ms", "broker"}
    assert last["latency_ms"].keys() == {"p50", "p90", "p99", "max"}
    assert last["broker"] == "embedded"
    assert (last["unaccounted"], last["dead_lettered"]) == (0, 0)
    assert last["accepted"] + last["duplicates"] == 40
    assert sum(last[end] for end in _END) == last["accepted"]
    assert (last["duplicates"], last["merged"], last["quarantined"], last["rejected"]) == (
        4,
        1,
        1,
        1,
    )
    assert last["assigned"] > 20
    assert 0 < last["latency_ms"]["p50"] <= last["latency_ms"]["max"]
