"""``handraise up`` through its command: what it offers, what it refuses, what it leaves behind."""

from __future__ import annotations

import json
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer

from services.cli import configfiles
from services.runtime.embedded.ports import free_port
from tests.support.up import Up, handraise, in_process, up
from tests.support.waiting import wait_until

SERVICES = {"capture", "enrichment", "scoring", "routing", "response", "delivery"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The committed example, to be changed."""
    return Path(shutil.copytree(configfiles.folder(None), tmp_path / "config"))


async def _assignment(kafka: str, submission_id: str) -> dict[str, Any]:
    """What an outside consumer, with none of our code, sees of a submission."""
    consumer = AIOKafkaConsumer(
        "assignments.v1",
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    try:
        async for record in consumer:
            event = json.loads(record.value)
            if event["submission_id"] == submission_id:
                return dict(event)
    finally:
        await consumer.stop()
    raise AssertionError("the stream ended")


async def test_a_posted_lead_reaches_a_rep(data: Path) -> None:
    with up(data) as running:
        assert running.line.keys() == {
            "ready", "http", "services", "api_key", "kafka", "broker", "postgres", "data",
        }  # fmt: skip
        assert running.line["ready"] is True
        assert running.line["broker"] == "embedded"
        assert running.line["services"].keys() == SERVICES
        for url in running.line["services"].values():
            assert httpx.get(f"{url}/ready").status_code == 200
        answer = running.post_lead(kind="demo_request", email="dana@northwind.example.com")
        assert answer.status_code == 200, answer.text
        event = await _assignment(running.line["kafka"], answer.json()["submission_id"])
        assert event["status"] == "assigned"
        assert event["rep"]["id"]
        assert event["reason"]
        connection = await asyncpg.connect(running.line["postgres"])
        await connection.close()
        family = running.family()
        assert running.stop(signal.SIGINT) == 0
        assert psutil.wait_procs(family, timeout=15)[1] == []
        assert not (data / "running.json").exists()


def test_nothing_stays_behind_when_it_is_killed_and_the_next_start_works(data: Path) -> None:
    with up(data) as running:
        family = running.family()
        assert len(family) > len(SERVICES)
        key = running.line["api_key"]
        running.process.kill()
        assert psutil.wait_procs(family, timeout=20)[1] == []
    with up(data) as again:
        assert again.line["api_key"] == key
        _a_second_one_is_refused(again)
        _a_killed_service_is_started_again(again)
        _commands_find_it(again, data)


def test_a_database_that_is_not_there_ends_the_start_with_one_line(tmp_path: Path) -> None:
    nowhere = f"postgresql://u:p@127.0.0.1:{free_port()}/db"
    refused = handraise("up", "--postgres", nowhere, "--data", str(tmp_path / "d"), "--port", "0")
    assert refused.returncode == 1
    assert refused.stderr.strip().splitlines()[-1].startswith("no Postgres for us at 127.0.0.1:")


def _a_second_one_is_refused(running: Up) -> None:
    refused = handraise("up", "--data", running.line["data"], "--port", "0")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"in use by a running `handraise up` (process {running.process.pid})" in refused.stderr


def _a_killed_service_is_started_again(running: Up) -> None:
    killed = running.service("scoring")
    killed.kill()
    url = running.line["services"]["scoring"]

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/ready").status_code == 200
        except httpx.HTTPError:
            return False

    wait_until(lambda: "scoring ended (signal 9)" in running.said)
    wait_until(ready, 30)


def _commands_find_it(running: Up, data: Path) -> None:
    listed = in_process("keys", "list", "--json", "--data", str(data))
    assert [key["name"] for key in json.loads(listed.stdout)["keys"]] == ["handraise up"]
    made = in_process("keys", "create", "web", "--scope", "leads:write", "--json", env=_env(data))
    key = json.loads(made.stdout)
    assert key["key"].startswith(f"hr_{key['id']}_")
    refused = in_process("keys", "revoke", "nobody", env=_env(data))
    assert refused.returncode == 1
    assert refused.stderr == "there is no key nobody in use\n"
    assert in_process("topics", "check", "--data", str(data)).returncode == 0
    assert in_process("migrate", "--json", "--data", str(data)).stdout == '{"applied":[]}\n'
    doctor = in_process("doctor", "--json", "--data", str(data))
    states = {row["check"]: row["state"] for row in json.loads(doctor.stdout)["findings"]}
    assert {states[name] for name in (*SERVICES, "database", "topics")} == {"ok"}, doctor.stdout


def _env(data: Path) -> dict[str, str]:
    return {"HANDRAISE_DATA": str(data)}


def test_a_changed_config_folder_is_published_and_said(data: Path, config: Path) -> None:
    with up(data, "--config", str(config)) as running:
        assert "is published" not in running.said
    scoring = config / "scoring.yaml"
    scoring.write_text(scoring.read_text() + "\n# changed\n")
    with up(data, "--config", str(config)) as running:
        assert f"the folder {config} has changed: configuration " in running.said
        listed = in_process("config", "list", "--json", "--data", str(data))
        first, second = json.loads(listed.stdout)["versions"]
        assert first["active"]
        assert first["version"] != second["version"]
        difference = in_process(
            "config",
            "diff",
            second["version"],
            "--json",
            env=_env(data),
        )
        assert "+# changed" in json.loads(difference.stdout)["diff"]
        back = in_process("config", "rollback", second["version"], "--json", env=_env(data))
        assert json.loads(back.stdout)["version"] == second["version"]
    with up(data, "--config", str(config)) as running:
        # The folder is as it was at the last start: the operator's rollback stands.
        assert f"configuration {second['version']} is active; the folder" in running.said


def test_a_config_fault_ends_at_once_with_file_line_and_path(data: Path, config: Path) -> None:
    text = (config / "sources.yaml").read_text()
    (config / "sources.yaml").write_text(text.replace("adapter: typeform", "adaptor: typeform"))
    refused = handraise("up", "--data", str(data), "--config", str(config))
    assert refused.returncode == 2
    assert "sources.yaml:" in refused.stderr
    assert "did you mean adapter?" in refused.stderr
    assert not data.exists()
    check = handraise("config", "check", "--config", str(config), "--json")
    assert check.returncode == 2
    assert json.loads(check.stdout)["faults"][0]["file"] == "sources.yaml"


def test_a_port_in_use_is_one_clear_line(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = handraise("up", "--data", str(data), "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr == f"port {port} is in use: give another --port\n"


def test_data_of_another_postgres_is_one_clear_line(data: Path) -> None:
    cluster = data / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("16\n")
    refused = handraise("up", "--data", str(data), "--port", "0")
    assert refused.returncode == 1
    assert "was made by Postgres 16, this one is 18" in refused.stderr


def test_a_missing_java_is_one_clear_line(data: Path) -> None:
    tools = data.parent / "bin"
    tools.mkdir()
    if setpriv := shutil.which("setpriv"):
        (tools / "setpriv").symlink_to(setpriv)
    env = {"PATH": str(tools), "HOME": str(data.parent)}
    refused = handraise("up", "--kafka", "apache", "--data", str(data), "--port", "0", env=env)
    assert refused.returncode == 1
    assert "Apache Kafka needs Java 17 or later and there is none" in refused.stderr


@pytest.mark.real_kafka
async def test_on_apache_kafka_records_outlive_a_restart(data: Path) -> None:
    with up(data, "--kafka", "apache") as running:
        answer = running.post_lead(kind="demo_request", email="dana@northwind.example.com")
        submission_id = answer.json()["submission_id"]
        event = await _assignment(running.line["kafka"], submission_id)
    with up(data, "--kafka", "apache") as running:
        assert running.line["broker"] == "apache"
        assert await _assignment(running.line["kafka"], submission_id) == event
