"""The supervisor: restarts, gives up with the reason, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from services.runtime import supervisor as module
from services.runtime.embedded.ports import free_port
from services.runtime.supervisor import Ended, Program, Supervisor
from tests.support import supervised
from tests.support.waiting import eventually, wait_until

_OWNER = """
import asyncio, os, sys
from pathlib import Path
from services.runtime.supervisor import Program, Supervisor
from tests.support import supervised
async def main():
    arguments = tuple(sys.argv[3:])
    program = Program("sleeper", supervised.main, arguments, Path(sys.argv[1]), sys.argv[2])
    supervisor = Supervisor([program], lambda _: os.environ, {}, print)
    supervisor.start()
    await supervisor.ready(20)
    print(supervisor.pid("sleeper"), flush=True)
    await supervisor.ended()
asyncio.run(main())
"""


class FakePart:
    """A database that is up or not; a restart may move it."""

    def __init__(self) -> None:
        self.up = True
        self.address = "first"
        self.next_address = "first"

    def start(self) -> str:
        self.up, self.address = True, self.next_address
        return self.address

    def stop(self) -> None:
        self.up = False

    def running(self) -> bool:
        return self.up


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(module, "_WATCH_SECONDS", 0.02)


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Program]:
    def make(name: str, *how: str) -> Program:
        port = free_port()
        log, url = tmp_path / f"{name}.log", f"http://127.0.0.1:{port}"
        return Program(name, supervised.main, (str(port), *how), log, url)

    return make


@pytest.fixture
async def supervise() -> AsyncIterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def make(*programs: Program, **parts: FakePart) -> Supervisor:
        said: list[str] = []
        new = Supervisor(programs, lambda _: os.environ, parts, said.append)
        new.said = said  # type: ignore[attr-defined]
        new.start()
        made.append(new)
        return new

    yield make
    for one in made:
        await one.stop()


async def test_ready_when_every_program_is(program, supervise) -> None:
    started = supervise(program("one"), program("two"))
    await started.ready(20)
    assert started.pid("one") != started.pid("two")


async def test_a_killed_program_is_started_again_and_becomes_ready(program, supervise) -> None:
    started = supervise(program("one"))
    await started.ready(20)
    first = started.pid("one")
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: started.pid("one") not in (first, None))
    await started.ready(20)
    assert "one ended (signal 9)" in started.said[0]


async def test_a_configuration_fault_ends_at_once_with_what_was_said(program, supervise) -> None:
    started = supervise(program("good"), program("bad", "exit", "2", "routing.yaml:3 rules: no"))
    with pytest.raises(Ended, match=r"(?s)bad cannot start .*routing\.yaml:3 rules: no") as caught:
        await started.ready(20)
    assert caught.value.code == 2
    assert not started.said


async def test_a_crash_loop_ends_with_the_last_words(program, supervise) -> None:
    started = supervise(program("bad", "exit", "1", "KeyError: nonsense"))
    with pytest.raises(Ended, match=r"(?s)bad keeps ending \(exit code 1.*KeyError: nonsense"):
        await started.ended()
    assert len(started.said) == module._LOOP - 1


async def test_crashes_while_the_database_is_away_are_no_crash_loop(program, supervise) -> None:
    away = FakePart()

    def refuse() -> str:
        raise OSError("still away")

    away.up, away.start = False, refuse  # type: ignore[method-assign]
    started = supervise(program("bad", "exit", "1", "no database"), postgres=away)

    def crashes() -> int:
        return sum(line.startswith("bad ended") for line in started.said)

    ended = asyncio.ensure_future(started.ended())
    await eventually(lambda: crashes() > module._LOOP, 60)
    assert not ended.done()
    ended.cancel()
    assert any("postgres does not start: still away" in line for line in started.said)


@pytest.mark.parametrize(("moved", "restarted"), [("first", False), ("second", True)])
async def test_a_part_that_ended_is_started_again(program, supervise, moved, restarted) -> None:
    broker = FakePart()
    started = supervise(program("one"), kafka=broker)
    await started.ready(20)
    first, broker.next_address = started.pid("one"), moved
    broker.up = False
    await eventually(lambda: f"kafka is back at {moved}" in started.said)
    if restarted:
        await eventually(lambda: started.pid("one") not in (first, None))
    await started.ready(20)
    assert (started.pid("one") != first) is restarted


async def test_what_is_never_ready_is_named(program, supervise) -> None:
    started = supervise(program("slow", "waiting", "for the database"))
    with pytest.raises(Ended, match=r"slow was not ready within 1 s: .*for the database"):
        await started.ready(1)


async def test_stop_drains_and_kills_what_does_not(program, supervise, monkeypatch) -> None:
    monkeypatch.setattr(module, "_DRAIN_SECONDS", 0.5)
    polite, deaf = program("polite"), program("deaf", "deaf")
    started = supervise(polite, deaf)
    await started.ready(20)
    processes = [psutil.Process(started.pid(name)) for name in ("polite", "deaf")]
    await started.stop()
    assert psutil.wait_procs(processes, timeout=5)[1] == []
    assert "drained" in polite.log.read_text()
    assert "drained" not in deaf.log.read_text()


def test_children_end_when_the_supervisor_is_killed(program) -> None:
    one = program("one")
    argv = [sys.executable, "-c", _OWNER, str(one.log), one.url, *one.arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        child = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    wait_until(lambda: not child.is_running())


async def test_children_of_a_killed_fork_server_are_started_again(program, supervise) -> None:
    started = supervise(program("one"))
    await started.ready(20)
    first = psutil.Process(started.pid("one"))
    first.parent().kill()
    await eventually(lambda: started.pid("one") not in (first.pid, None))
    await started.ready(20)
    assert not first.is_running() or first.status() == psutil.STATUS_ZOMBIE
