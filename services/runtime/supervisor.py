"""Keeps processes running on one machine, and ends them all: what ``handraise up`` stands on.

A child that ends is started again after a back-off. One that keeps ending although nothing around
it is down, and one that says its configuration is wrong (exit code 2), end everything, with the
reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.runtime import forked
from services.runtime.forked import Child, Main

CONFIG_FAULT = 2
"""Exit code of a program whose settings or configuration are wrong: starting again cannot help."""

_FIRST_DELAY, _LONGEST_DELAY = 0.25, 10.0
_STEADY_SECONDS = 30.0
"""A child that lived this long was well; its earlier ends no longer count."""
_LOOP = 4
"""Ends in a row, none of them excused, that make a crash loop."""
_DRAIN_SECONDS = 8.0
_WATCH_SECONDS = 0.2
_TAIL_LINES = 12
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past any proxy of the environment: what is asked is on this machine."""


class Part(Protocol):
    """Something that the programs stand on (a database, a broker). Its methods block."""

    @property
    def address(self) -> str: ...

    def start(self) -> str:
        """Starts it, again if need be; returns its address."""

    def stop(self) -> None: ...

    def running(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep running."""

    name: str
    main: Main
    arguments: tuple[str, ...]
    log: Path
    url: str
    """Where it answers; ``/ready`` says 200 when it works."""


class Ended(Exception):
    """Nothing more can be done; the message says why, for a person."""

    def __init__(self, reason: str, code: int = 1) -> None:
        super().__init__(reason)
        self.code = code


class Supervisor:
    """``environment`` is asked at each start of a program; ``say`` gets one line per event."""

    def __init__(
        self,
        programs: Sequence[Program],
        environment: Callable[[Program], Mapping[str, str]],
        parts: Mapping[str, Part],
        say: Callable[[str], None],
    ) -> None:
        self.programs = tuple(programs)
        self._environment = environment
        self._parts = parts
        self._say = say
        self._children: dict[str, Child] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._part_down_at = float("-inf")

    def pid(self, name: str) -> int | None:
        """The present process of a program."""
        child = self._children.get(name)
        return child.pid if child is not None and child.returncode is None else None

    def start(self) -> None:
        """Starts every program and begins to watch the parts; does not wait for them."""
        for program in self.programs:
            task = asyncio.create_task(self._keep(program), name=program.name)
            self._tasks.append(task)
        for name, part in self._parts.items():
            self._tasks.append(asyncio.create_task(self._watch(name, part), name=name))

    async def ready(self, timeout: float) -> None:
        """Returns when every program is ready at once; raises Ended when one cannot be."""
        deadline = time.monotonic() + timeout
        while waiting := await asyncio.to_thread(self._not_ready):
            if time.monotonic() > deadline:
                name, why = next(iter(waiting.items()))
                raise Ended(f"{name} was not ready within {timeout:.0f} s: {why}")
            await self._pause(0.05)

    async def ended(self) -> None:
        """Waits for ever; raises Ended when something cannot be kept running."""
        while True:
            await self._pause(3600)

    async def stop(self) -> None:
        """Drains every program (SIGTERM, 8 s, then SIGKILL). The parts are the caller's to stop."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(child) for child in self._children.values()))

    async def _pause(self, seconds: float) -> None:
        """Sleeps, unless a task gives up meanwhile: then raises what it raised."""
        done, _ = await asyncio.wait(
            self._tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION
        )
        for task in done:
            task.result()

    async def _keep(self, program: Program) -> None:
        ends = loop = 0
        while True:
            began = time.monotonic()
            code = await self._once(program)
            if code == CONFIG_FAULT:
                raise Ended(_last_words(program, code), CONFIG_FAULT)
            lived = time.monotonic() - began
            # Where a database or broker was away meanwhile, the end says nothing of the program.
            excused = self._part_down_at > began - _STEADY_SECONDS or self._any_part_down()
            if lived > _STEADY_SECONDS:
                ends = loop = 0
            ends, loop = ends + 1, 0 if excused else loop + 1
            if loop >= _LOOP:
                raise Ended(_last_words(program, code))
            delay = min(_FIRST_DELAY * 2 ** (ends - 1), _LONGEST_DELAY)
            self._say(f"{program.name} ended ({_how(code)}); starting it again in {delay:g} s")
            await asyncio.sleep(delay)

    async def _once(self, program: Program) -> int:
        child = await forked.start(
            program.main, program.arguments, self._environment(program), program.log
        )
        self._children[program.name] = child
        return await child.wait()

    async def _watch(self, name: str, part: Part) -> None:
        """Starts a part again when it is gone; at another address the programs start again too."""
        delay = _FIRST_DELAY
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if await asyncio.to_thread(part.running):
                continue
            self._part_down_at = time.monotonic()
            self._say(f"{name} ended; starting it again")
            before = part.address
            try:
                await asyncio.to_thread(part.start)
            except Exception as error:
                self._say(f"{name} does not start: {error}; trying again in {delay:g} s")
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY)
                continue
            delay, self._part_down_at = _FIRST_DELAY, time.monotonic()
            self._say(f"{name} is back at {part.address}")
            if part.address != before:
                await asyncio.gather(*(self._end(child) for child in self._children.values()))

    def _any_part_down(self) -> bool:
        return not all(part.running() for part in self._parts.values())

    def _not_ready(self) -> dict[str, str]:
        states = {program.name: not_ready(program.url) for program in self.programs}
        return {name: why for name, why in states.items() if why}

    async def _end(self, child: Child) -> None:
        if child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), _DRAIN_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def not_ready(url: str) -> str:
    """Why the process at ``url`` is not ready; empty when it is. Blocks for 2 s at most."""
    try:
        with _DIRECT.open(f"{url}/ready", timeout=2):
            return ""
    except urllib.error.HTTPError as error:
        return " ".join(error.read().decode(errors="replace").split())[:300]
    except OSError as error:
        return f"it does not answer ({error})"


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _last_words(program: Program, code: int) -> str:
    """What a program said last: its faults, or why it crashed."""
    lines = program.log.read_text(errors="replace").strip().splitlines()[-_TAIL_LINES:]
    said = "".join(f"\n  {line}" for line in lines)
    if code == CONFIG_FAULT:
        return f"{program.name} cannot start as it is configured (log: {program.log}){said}"
    return f"{program.name} keeps ending ({_how(code)}, log: {program.log}){said}"
