"""The data folder: one owner, secrets that nobody else reads, and no stale claims."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime.datafolder import DataFolder, FolderError, Process, Running, started_at

_HOLDER = """
import sys, time
from pathlib import Path
from services.runtime.datafolder import DataFolder
folder = DataFolder(Path(sys.argv[1]))
folder.lock()
print("locked", flush=True)
time.sleep(600)
"""


def _running(pid: int, started: float) -> Running:
    return Running(
        pid=pid,
        started=started,
        http="http://127.0.0.1:8080",
        kafka="127.0.0.1:9092",
        broker="embedded",
        postgres="postgresql://u:p@127.0.0.1:5432/d",
        api_key="hr_1_2",
        config="/config",
        services={"capture": Process("http://127.0.0.1:8080", 7)},
    )


def test_a_second_owner_is_told_who_has_it_until_that_one_is_gone(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _HOLDER, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(FolderError, match=rf"in use by a running .*process {holder.pid}"):
            DataFolder(tmp_path).lock()
        holder.send_signal(signal.SIGKILL)
    folder = DataFolder(tmp_path)
    folder.lock()
    folder.release()


def test_a_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first = DataFolder(tmp_path).secrets(["ONE", "TWO"])
    assert first["ONE"] != first["TWO"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", first["ONE"])
    again = DataFolder(tmp_path)
    again.api_key = "hr_1_2"
    assert again.secrets(["TWO", "ONE"]) == first
    assert DataFolder(tmp_path).api_key == "hr_1_2"
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_what_runs_is_found_and_never_after_its_process_is_gone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.running() is None
    mine = _running(os.getpid(), started_at(os.getpid()))
    folder.publish(mine)
    assert DataFolder(tmp_path).running() == mine
    folder.publish(_running(os.getpid(), started_at(os.getpid()) - 3600))
    assert DataFolder(tmp_path).running() is None, "a later process has the id of a dead one"


def test_the_log_of_the_start_before_is_kept(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.lock()
    folder.log("capture").write_text("first")
    folder.log("capture").write_text("second")
    assert (folder.logs / "capture.log.1").read_text() == "first"
    folder.release()
