"""Where a command works, and how it says that it does not know."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.cli import target
from services.cli.output import CommandError
from services.runtime.datafolder import DataFolder, Running, started_at

_DSN = "postgresql://u:p@127.0.0.1:5432/environment"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("HANDRAISE_"):
            monkeypatch.delenv(name)


def _publish(path: Path, broker: str = "embedded") -> None:
    path.mkdir(parents=True, exist_ok=True)
    mine = Running(
        pid=os.getpid(),
        started=started_at(os.getpid()),
        http="http://127.0.0.1:8080",
        kafka="127.0.0.1:9092",
        broker=broker,
        postgres="postgresql://u:p@127.0.0.1:5432/folder",
        api_key="hr_1_2",
        config="/config",
    )
    DataFolder(path).publish(mine)


def test_nothing_anywhere_is_said_with_what_to_do(tmp_path: Path) -> None:
    found = target.find()
    for ask in ("postgres", "kafka", "http", "api_key"):
        with pytest.raises(CommandError, match=r"nothing runs on .*\.handraise .*`handraise up`"):
            getattr(found, ask)


def test_a_running_up_in_the_default_folder_is_found(tmp_path: Path) -> None:
    _publish(tmp_path / ".handraise")
    found = target.find()
    assert found.postgres.endswith("/folder")
    assert found.kafka.embedded
    assert found.http == "http://127.0.0.1:8080"
    assert found.api_key == "hr_1_2"


def test_the_environment_wins_over_a_folder_that_nobody_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(tmp_path / ".handraise")
    monkeypatch.setenv("HANDRAISE_POSTGRES__DSN", _DSN)
    assert target.find().postgres == _DSN
    assert target.find(tmp_path / ".handraise").postgres.endswith("/folder")
    monkeypatch.setenv("HANDRAISE_DATA", str(tmp_path / ".handraise"))
    assert target.find().postgres.endswith("/folder")


def test_brokers_from_elsewhere_are_reached_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(tmp_path / ".handraise", "external")
    monkeypatch.setenv("HANDRAISE_KAFKA__SESSION_TIMEOUT_MS", "9000")
    monkeypatch.setenv("HANDRAISE_KAFKA__BOOTSTRAP_SERVERS", "kafka.internal:9093")
    found = target.find().kafka
    assert (found.bootstrap_servers, found.session_timeout_ms) == ("kafka.internal:9093", 9000)
    assert target.kafka_at("other:1").session_timeout_ms == 9000


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAISE_POSTGRES__DSN", "mysql://nowhere")
    with pytest.raises(CommandError, match=r"^HANDRAISE_POSTGRES__DSN: "):
        target.find()


def test_a_secret_comes_from_the_environment_or_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = DataFolder(tmp_path / ".handraise")
    made.path.mkdir()
    kept = made.secrets(["WEBSITE"])["WEBSITE"]
    assert target.find().secret("WEBSITE") == kept
    monkeypatch.setenv("HANDRAISE_SECRET_WEBSITE", "given")
    assert target.find().secret("WEBSITE") == "given"
    assert target.find().secret("NOBODY") is None


def test_a_time_that_names_no_zone_is_on_the_clock_that_is_meant() -> None:
    noon = datetime.fromisoformat("2026-11-23T12:00")
    assert target.utc(noon) == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert target.utc(noon, ZoneInfo("Europe/Berlin")) == datetime(2026, 11, 23, 11, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_no_clock_can_be_told_of_is_one_line(text: str) -> None:
    moment = datetime.fromisoformat(text)
    with pytest.raises(CommandError, match=r"^\d{4}-.*within the years 2 to 9998$"):
        target.utc(moment, ZoneInfo("America/New_York"))
