"""The embedded Postgres: durable, alone on its port, and gone with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from services.runtime.embedded import leftovers
from services.runtime.embedded.errors import EmbeddedError
from services.runtime.embedded.ports import free_port
from services.runtime.embedded.postgres import EmbeddedPostgres
from tests.support.waiting import wait_until

_OWNER = """
import sys, time
from pathlib import Path
from services.runtime.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), server.postmaster(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def server(tmp_path: Path):
    made = EmbeddedPostgres(tmp_path / "postgres")
    yield made
    made.stop()


async def _value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_data_and_port_survive_a_restart(server: EmbeddedPostgres) -> None:
    first = server.start()
    await _value(first, "create table kept as select 7 as seven")
    server.stop()
    assert server.start() == first
    assert await _value(first, "select seven from kept") == 7
    assert await _value(first, "show fsync") == "on"


async def test_a_committed_row_survives_kill_9(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    await _value(dsn, "create table kept as select 7 as seven")
    os.kill(server.postmaster(), signal.SIGKILL)
    wait_until(lambda: not server.running())
    dsn = server.start()
    assert await _value(dsn, "select seven from kept") == 7


async def test_another_password_is_refused(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    secret = (server.data / "password").read_text()
    assert (server.data / "password").stat().st_mode & 0o777 == 0o600
    with pytest.raises(asyncpg.InvalidPasswordError):
        await _value(dsn.replace(secret, "wrong"), "select 1")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_stays_when_its_owner_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path / "postgres")],
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        postmaster = psutil.Process(int(owner.stdout.readline().split()[1]))
        family = [postmaster, *postmaster.parents()[:1], *postmaster.children(recursive=True)]
        owner.send_signal(number)
    assert psutil.wait_procs(family, timeout=10)[1] == []


async def test_a_server_left_by_a_killed_guard_is_ended_first(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE", 0.5)
    dsn = server.start()
    await _value(dsn, "create table kept as select 7 as seven")
    left = psutil.Process(server.postmaster())
    # As if everything around it had died at once: the new owner finds a living postmaster.
    again = EmbeddedPostgres(server.data)
    fresh = again.start()
    try:
        assert not left.is_running()
        assert await _value(fresh, "select seven from kept") == 7
    finally:
        again.stop()


@pytest.mark.parametrize("text", ["", "1\n", "garbage"])
def test_a_stale_pid_file_is_cleaned(server: EmbeddedPostgres, text: str) -> None:
    server.start()
    server.stop()
    (server.data / "cluster" / "postmaster.pid").write_text(text)
    assert server.start()


def test_a_half_made_cluster_is_made_again(server: EmbeddedPostgres) -> None:
    half = server.data / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert server.start()
    assert not half.exists()


def test_another_major_version_is_one_clear_line(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.data / "cluster" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="made by Postgres 17, this one is 18"):
        server.start()


def test_a_port_in_use_is_one_clear_line(tmp_path: Path, server: EmbeddedPostgres) -> None:
    server.start()
    second = EmbeddedPostgres(tmp_path / "second", port=server.port)
    with pytest.raises(EmbeddedError, match=f"port {server.port} for Postgres is in use"):
        second.start()


def test_a_wanted_port_is_taken(tmp_path: Path) -> None:
    port = free_port()
    server = EmbeddedPostgres(tmp_path / "postgres", port=port)
    try:
        assert f"127.0.0.1:{port}/" in server.start()
    finally:
        server.stop()
