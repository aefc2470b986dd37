"""Every command that changes a running installation, as a person at a shell uses it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer, ConsumerRecord

from schemas.topics import ASSIGNMENTS, SCORED
from services.capture.adapters import ADAPTERS
from services.cli import configfiles
from services.cli.prune import ROOMS
from services.runtime.datafolder import DataFolder
from services.runtime.settings import KafkaSettings
from tests.support.commands import (
    LONG,
    Run,
    answer_of,
    assert_refused,
    decision_of,
    file_of,
    send_lead,
)
from tests.support.hooks import signed
from tests.support.stages import contents
from tests.support.up import Up, handraise
from tests.support.waiting import wait_until

_END = {
    "assigned", "held", "nurtured", "merged", "diverted", "quarantined", "rejected",
    "dead_lettered",
}  # fmt: skip


# -- set aside -----------------------------------------------------------------------------------


def _kept(run: Run, source: str, reason: str) -> list[dict[str, Any]]:
    listed = answer_of(run("quarantine", "list", "--source", source, "--json"))["quarantine"]
    return [one for one in listed if one["reason"] == reason]


def test_a_wrong_signature_is_kept_and_released_once_the_secret_is_mended(
    run: Run, running: Up
) -> None:
    secret = "the secret that the form tool has"
    lead = {"email": "released@northwind-late.example", "country": "DE", "kind": "demo_request"}
    body = json.dumps({"type": "lead.submitted", "data": lead}).encode()
    asked = signed(ADAPTERS["standard_webhooks"], body, secret.encode(), time.time())
    before = datetime.now(UTC)
    refused = httpx.post(f"{running.http}/hooks/website", content=body, headers=dict(asked.headers))
    after = datetime.now(UTC)
    assert refused.status_code == 401
    (kept,) = wait_until(lambda: _kept(run, "website", "bad_signature"), LONG)
    shown = answer_of(run("quarantine", "show", kept["quarantine_id"], "--json"))
    assert shown["body"] == body.decode()
    assert before <= datetime.fromisoformat(shown["received_at"]) <= after
    assert "bad_signature" in run("quarantine", "list", "--reason", "bad_signature").stdout
    other = answer_of(run("quarantine", "list", "--reason", "honeypot", "--json"))
    assert other == {"quarantine": []}

    id_ = str(kept["quarantine_id"])
    assert_refused(run("quarantine", "release", id_), "its signature is still wrong for website")
    released = run("quarantine", "release", id_, "--json", HANDRAISE_SECRET_WEBSITE=secret)
    (submission_id,) = answer_of(released)["released"]
    end = decision_of(running, submission_id)
    assert end["status"] == "assigned"
    assert end["received_at"] == shown["received_at"]
    assert _kept(run, "website", "bad_signature") == []
    again = run("quarantine", "release", id_, HANDRAISE_SECRET_WEBSITE=secret)
    assert_refused(again, f"{id_} was released at ")
    nothing = "00000000-0000-0000-0000-000000000001"
    for command in ("show", "release"):
        assert_refused(run("quarantine", command, nothing), "there is nothing in quarantine under")


def test_a_test_lead_is_rejected_and_can_be_let_through(
    run: Run, running: Up, tmp_path: Path
) -> None:
    submission_id = send_lead(run, tmp_path, "trial@northwind-trial.example", test=True)

    def rejected() -> list[dict[str, Any]]:
        return [o for o in _kept(run, "api", "test") if o["submission_id"] == submission_id]

    (kept,) = wait_until(rejected, LONG)
    assert kept["disposition"] == "rejected"
    assert run("quarantine", "release", str(kept["quarantine_id"])).returncode == 0
    assert decision_of(running, submission_id)["received_at"] == kept["received_at"]


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
        return list(answer_of(run("dlq", "list", "--json"))["dead_letters"])

    asyncio.run(put())
    (letter,) = wait_until(letters, LONG)
    assert letter["stage"] == "routing"
    assert letter["origin_topic"] == "leads.scored.v1"
    shown = answer_of(run("dlq", "show", letter["ref"], "--json"))
    assert shown["value"].startswith("base64:")
    assert shown["key"] == "poison"
    assert letter["reason"] in run("dlq", "list").stdout
    assert "base64:" in run("dlq", "show", letter["ref"]).stdout
    assert answer_of(run("dlq", "replay", letter["ref"], "--json")) == {"replayed": [letter["ref"]]}
    again = wait_until(lambda: [one for one in letters() if one["replays"] == 1], LONG)
    assert len(again) == 1
    none = answer_of(run("dlq", "replay", "--all", "--reason", "no such reason", "--json"))
    assert none == {"replayed": []}
    assert_refused(run("dlq", "replay"), "name the records to replay, or give --all", 2)
    assert_refused(run("dlq", "replay", letter["ref"], "--all"), "not both", 2)
    assert_refused(run("dlq", "show", "x/0/0"), "there is no dead letter x/0/0")
    assert_refused(run("dlq", "list", "--topic", "leads.scored.v1.ruoting.dlq"), "did you mean", 2)


# -- what is old ----------------------------------------------------------------------------------


_PRUNED = "dana@northwind-pruned.example"


def _ask(running: Up, query: str, *arguments: object) -> Any:
    async def asked() -> Any:
        conn = await asyncpg.connect(running.line["postgres"])
        try:
            return await conn.fetchval(query, *arguments)
        finally:
            await conn.close()

    return asyncio.run(asked())


def _lying(running: Up, topic: str, submission_id: str) -> list[ConsumerRecord]:
    kafka = KafkaSettings(bootstrap_servers=running.line["kafka"], embedded=True)
    found = asyncio.run(contents(kafka, topic))
    return [one for one in found if submission_id.encode() in bytes(one.value)]


async def _put_again(kafka: str, record: ConsumerRecord, days: int) -> None:
    """As it would lie on a topic that keeps records for longer than we know repeats."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        await producer.send_and_wait(
            record.topic,
            record.value,
            key=record.key,
            headers=list(record.headers),
            timestamp_ms=int((time.time() - days * 86_400) * 1000),
        )
    finally:
        await producer.stop()


def _age(running: Up, days: int) -> None:
    """As if everything had been decided so many days ago."""
    for room in ROOMS:
        for table, column in (("inbox", "at"), ("outbox", "created_at")):
            _ask(
                running,
                f"update {room}.{table} set {column} = {column} - make_interval(days => $1)",
                days,
            )


def _rows_of(done: Any) -> dict[str, int]:
    answer = answer_of(done)
    tables = {one["table"]: one["rows"] for one in answer["tables"]}
    assert sum(tables.values()) == answer["rows"]
    return tables


def test_what_is_old_goes_and_its_input_is_decided_only_where_somebody_wants_it(
    run: Run, running: Up, tmp_path: Path
) -> None:
    submission = send_lead(run, tmp_path, _PRUNED, country="DE")
    first = decision_of(running, submission)
    (scored,) = _lying(running, SCORED.name, submission)
    input_id = dict(scored.headers)["ce_id"].decode()
    wait_until(
        lambda: not _ask(running, "select count(*) from routing.outbox where published_at is null"),
        LONG,
    )
    _age(running, 100)

    counted = _rows_of(run("prune", "--dry-run", "--json"))
    known = "select count(*) from routing.inbox where input_id = $1::text::uuid"
    assert _ask(running, known, input_id) == 1, "a dry run deletes nothing"
    deleted = _rows_of(run("prune", "--json"))
    assert deleted["routing.outbox"] >= counted["routing.outbox"] > 0
    assert deleted.keys() == counted.keys()
    assert _ask(running, known, input_id) == 0
    again = run("prune")
    assert again.returncode == 0, again.stderr
    assert "routing.inbox" in again.stdout
    story = answer_of(run("explain", _PRUNED, "--json"))
    assert story["lead_id"] == first["lead_id"]
    assert answer_of(run("recompute", "--json"))["different"] == 0

    asyncio.run(_put_again(running.line["kafka"], scored, 100))

    def letters() -> list[dict[str, Any]]:
        return list(answer_of(run("dlq", "list", "--reason", "too_old", "--json"))["dead_letters"])

    (letter,) = wait_until(letters, LONG)
    assert (letter["stage"], letter["reason"]) == ("routing", "too_old")
    ref = letter["ref"]
    assert_refused(run("dlq", "replay", ref), "--as-new")
    left = answer_of(run("dlq", "replay", "--all", "--reason", "too_old", "--json"))
    assert left == {"replayed": [], "too_old": [ref]}
    assert len(_lying(running, ASSIGNMENTS.name, submission)) == 1, "nothing was decided"

    done = answer_of(run("dlq", "replay", ref, "--as-new", "--json"))
    assert done == {"replayed": [ref]}
    wait_until(lambda: _ask(running, known, input_id), LONG)
    assert len(letters()) == 1, "and does not come back"


def test_a_setting_that_forgets_too_soon_deletes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "retention.yaml").write_text("repeats: 14d\n")
    refused = run("prune", "--config", str(tmp_path))
    assert_refused(refused, "retention.yaml:1 repeats: must be 29d or more", 2)


# -- configuration -------------------------------------------------------------------------------


def test_a_published_configuration_is_taken_up(run: Run, running: Up, tmp_path: Path) -> None:
    before = decision_of(running, send_lead(run, tmp_path, "a@northwind-before.example"))
    config = shutil.copytree(configfiles.folder(None), tmp_path / "changed")
    more = "\n  second_site:\n    adapter: standard_webhooks\n    secret: WEBSITE\n"
    with (config / "sources.yaml").open("a") as file:
        file.write(more)
    published = answer_of(run("config", "publish", "--config", str(config), "--json"))
    assert published["before"] == before["config_version"]
    assert published["changed"]
    # The deciding transaction reads the active version itself: the very next decision has it.
    after = decision_of(running, send_lead(run, tmp_path, "a@northwind-after.example"))
    assert after["config_version"] == published["version"]
    body = file_of(tmp_path, b'{"type": "lead", "data": {"email": "b@northwind-two.example"}}')

    def taken() -> subprocess.CompletedProcess[str] | None:
        sent = run("send", "second_site", body, "--config", str(config), "--json")
        return sent if sent.returncode == 0 else None

    answer = json.loads(wait_until(taken, LONG).stdout)
    assert decision_of(running, answer["submission_id"])["source"] == "second_site"
    assert not answer_of(run("config", "publish", "--config", str(config), "--json"))["changed"]
    back = answer_of(run("config", "rollback", before["config_version"], "--json"))
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
    asked = signed(ADAPTERS["standard_webhooks"], body, secret.encode(), time.time())
    url = f"{running.http}/hooks/third_site"

    def known() -> bool:
        return (
            httpx.post(url, content=body, headers=dict(asked.headers), timeout=LONG).status_code
            == 200
        )

    assert not known()
    answer_of(run("config", "publish", "--config", str(config), "--json"))
    # Twice what is promised: the command itself ends some time after its commit, two cores are
    # shared with everything else.
    wait_until(known, 2.0)


# -- history and the demo ------------------------------------------------------------------------


def _history(tmp_path: Path) -> str:
    rows = "".join(f"olist-{n},2018-01-{n % 28 + 1:02},organic_search\n" for n in range(40))
    return file_of(tmp_path, f"id,when,origin\n{rows}".encode(), "past.csv")


_MAP = ("--map", "external_id=id", "--map", "submitted_at=when", "--map", "fields.origin=origin")


def test_history_is_replayed_into_a_sandbox(run: Run, tmp_path: Path) -> None:
    command = ("replay", _history(tmp_path), "--source", "api", *_MAP, "--time-format", "%Y-%m-%d")
    summary = answer_of(run(*command, "--kind", "content_download", "--json"))
    assert summary["accepted"] == 40
    assert summary["unaccounted"] == 0
    assert sum(summary[end] for end in _END) == 40
    again = run(*command, "--kind", "content_download")
    assert again.returncode == 0
    assert again.stdout == "0 rows (40 were here before): -; 0 without an end\n"
    # Another kind is another body, so another submission: a nurtured lead moves up, an owned one
    # is merged.
    asked = answer_of(run(*command, "--kind", "demo_request", "--json"))
    assert (summary["nurtured"], asked["assigned"], asked["unaccounted"]) == (40, 40, 0)
    known = answer_of(run(*command, "--kind", "pricing_request", "--json"))
    assert (known["merged"], known["unaccounted"]) == (40, 0)
    assert_refused(run("replay", command[1], "--source", "website", *_MAP), "with adapter `api`")
    assert_refused(run("replay", command[1], "--source", "api", "--map", "x=id"), "'x' is no", 2)


def test_history_is_refused_outside_a_sandbox(postgres_dsn: str, tmp_path: Path) -> None:
    env = {**os.environ, "HANDRAISE_POSTGRES__DSN": postgres_dsn}
    env["HANDRAISE_KAFKA__BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    done = handraise(
        "replay", _history(tmp_path), "--source", "api", *_MAP, env=env, cwd=str(tmp_path)
    )
    assert_refused(done, "not marked as a sandbox: history would go to real reps")


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
