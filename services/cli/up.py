"""``handraise up``: the whole pipeline on this machine, each service its own supervised process."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from services.cli import announce, configfiles, output, prepare, target
from services.cli.demosinks import settings as demo
from services.cli.main import run as handraise
from services.cli.output import CommandError, say
from services.cli.parts import Parts
from services.cli.service import SERVICES
from services.runtime import forked
from services.runtime.datafolder import DataFolder, Process, Running, started_at
from services.runtime.embedded.ports import free_port, is_free
from services.runtime.settings import MOST_CLOCK_SCALE, PREFIX
from services.runtime.supervisor import Program, Supervisor

_DEFAULT_PORT = 8080
_READY_SECONDS = 90.0
_SMTP = "demo-sinks.smtp"


@dataclass(frozen=True, slots=True)
class Options:
    """What ``up`` was asked for."""

    data: Path
    config: Path
    kafka: str = "embedded"
    postgres: str = "embedded"
    port: int | None = None
    clock_scale: float = 1.0
    demo_sinks: bool = False


@dataclass(slots=True)
class Up:
    """One run of ``up``: start, then stop in any case."""

    options: Options
    folder: DataFolder
    parts: Parts
    files: dict[str, str]
    ports: dict[str, int]
    secrets: dict[str, str] = field(default_factory=dict)
    supervisor: Supervisor | None = None
    running: Running | None = None

    async def start(self) -> Running:
        """Everything, in order; returns when all services are ready."""
        forked.preload([*SERVICES.values(), "services.cli.service"])
        await asyncio.gather(self._database(), self._broker())
        made_up = demo.SECRETS if self.options.demo_sinks else ()
        self.secrets = prepare.secrets(self.folder, self.files, made_up)
        key = await prepare.api_key(self.folder, self.parts.dsn)
        programs = [self._program(name) for name in SERVICES]
        if self.options.demo_sinks:
            programs.append(self._demo_sinks())
        self.supervisor = Supervisor(programs, self._environment, self.parts.owned, say)
        self.supervisor.start()
        await self.supervisor.ready(_READY_SECONDS)
        self.running = Running(
            pid=os.getpid(),
            started=started_at(os.getpid()),
            http=self._url("capture"),
            kafka=self.parts.bootstrap,
            broker=self.parts.broker,
            postgres=self.parts.dsn,
            api_key=key,
            config=str(self.options.config),
            services={
                name: Process(self._url(name), self.supervisor.pid(name) or 0)
                for name in self.ports
                if name != _SMTP
            },
        )
        self.folder.publish(self.running)
        return self.running

    async def stop(self) -> None:
        """Drains the services, then ends what they stood on."""
        if self.supervisor is not None:
            await self.supervisor.stop()
        await self.parts.stop()
        self.folder.release()

    async def _database(self) -> None:
        began = time.monotonic()
        await self.parts.start("postgres")
        await prepare.database(
            self.parts.dsn, self.parts.own_database, self.files, self.options.config, say
        )
        say(f"postgres is ready ({time.monotonic() - began:.1f} s)")

    async def _broker(self) -> None:
        began = time.monotonic()
        await self.parts.start("kafka")
        await prepare.topics(self.parts.kafka, self.files, say)
        say(f"kafka ({self.parts.broker}) is ready ({time.monotonic() - began:.1f} s)")

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def _program(self, name: str) -> Program:
        return Program(name, handraise, ("service", name), self.folder.log(name), self._url(name))

    def _demo_sinks(self) -> Program:
        name = demo.PROGRAM
        ports = ("--port", str(self.ports[name]), "--smtp-port", str(self.ports[_SMTP]))
        arguments = (name, *ports, "--delivery", self._url("delivery"))
        return Program(name, handraise, arguments, self.folder.log(name), self._url(name))

    def _environment(self, program: Program) -> dict[str, str]:
        own = {
            "POSTGRES__DSN": self.parts.dsn,
            "KAFKA__BOOTSTRAP_SERVERS": self.parts.bootstrap,
            "KAFKA__EMBEDDED": str(self.parts.broker == "embedded").lower(),
            # Static membership: a service that is started again takes its partitions at once.
            "KAFKA__INSTANCE": f"up-{program.name}",
            "HTTP__HOST": "127.0.0.1",
            "HTTP__PORT": str(self.ports[program.name]),
            "CONFIG": str(self.options.config),
            "DATA": str(self.folder.path),
            "SUPERVISED": "true",
            "CLOCK_SCALE": str(self.options.clock_scale),
        }
        variables = {PREFIX + name: value for name, value in own.items()}
        # Some vendors sign the address that they call; without a proxy it is this one. Whoever has
        # a proxy has it for them, that is for capture.
        public = {f"{PREFIX}HTTP__PUBLIC_URL": self._url(program.name)}
        first, last = (public, {}) if program.name == "capture" else ({}, public)
        return {**first, **os.environ, **self.secrets, **variables, **last}


def up(
    kafka: Annotated[
        str, typer.Option(help="embedded (forgets on exit), apache, or host:port,...")
    ] = "embedded",
    postgres: Annotated[str, typer.Option(help="embedded, or a DSN.")] = "embedded",
    data: Annotated[
        Path | None, typer.Option(help="Data folder (HANDRAISE_DATA, .handraise).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Of capture's HTTP (8080, or a free one).", min=0, max=65535)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration folder (HANDRAISE_CONFIG, deploy/config).")
    ] = None,
    demo_sinks: Annotated[
        bool,
        typer.Option("--demo-sinks", help="Deliver to local stand-ins; their page shows it."),
    ] = False,
    clock_scale: Annotated[
        float, typer.Option(help="Business clocks run this many times faster.")
    ] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON line when all is ready.")] = False,
) -> None:
    """Run every service here, supervised.

    On an embedded database and broker unless told otherwise.
    """
    options = Options(
        target.data_folder(data),
        configfiles.folder(config),
        kafka,
        postgres,
        port,
        clock_scale,
        demo_sinks,
    )

    async def ready(running: Running) -> None:
        if json:
            output.emit(announce.line(running, options.data))
        else:
            announce.tell(running, options.data)

    raise typer.Exit(run(options, ready))


def run(options: Options, work: Callable[[Running], Awaitable[None]], stay: bool = True) -> int:
    """Starts everything, calls ``work`` when all is ready, stays until a signal (or returns after
    ``work``), ends everything. Returns the exit code; raises what keeps it from running."""
    return asyncio.run(_run(options, work, stay))


async def _run(options: Options, work: Callable[[Running], Awaitable[None]], stay: bool) -> int:
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    assert main is not None
    signalled = False

    def on_signal() -> None:
        nonlocal signalled
        if signalled:
            # The second one: whoever asks twice does not want to wait. The pipes close with us.
            os._exit(130)
        signalled = True
        main.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    current = _begin(options)
    try:
        running = await current.start()
        assert current.supervisor is not None
        await _first(work(running), current.supervisor.ended())
        if stay:
            await current.supervisor.ended()
    except asyncio.CancelledError:
        if not signalled:
            raise
        say("stopping")
    finally:
        await current.stop()
    return 0


async def _first(work: Awaitable[None], ended: Awaitable[None]) -> None:
    """Waits for ``work``, but not when everything has ended meanwhile."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(ended)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _begin(options: Options) -> Up:
    """What can be found wrong before anything is started is found here."""
    if not 0 < options.clock_scale <= MOST_CLOCK_SCALE:
        raise CommandError(f"--clock-scale is above 0 and at most {MOST_CLOCK_SCALE}", 2)
    files = configfiles.load(options.config)
    folder = DataFolder(options.data)
    folder.lock()
    try:
        ports = {name: free_port() for name in SERVICES}
        ports["capture"] = _capture_port(options.port)
        if options.demo_sinks:
            ports |= {demo.PROGRAM: free_port(), _SMTP: free_port()}
            here = f"http://127.0.0.1:{ports[demo.PROGRAM]}"
            files = demo.with_demo_sinks(files, here, ports[_SMTP])
        parts = Parts(folder, options.kafka, options.postgres, say)
        parts.choose()
    except BaseException:
        folder.release()
        raise
    return Up(options, folder, parts, files, ports)


def _capture_port(wanted: int | None) -> int:
    if wanted is not None:
        if wanted and not is_free(wanted):
            raise CommandError(f"port {wanted} is in use: give another --port")
        return wanted or free_port()
    if is_free(_DEFAULT_PORT):
        return _DEFAULT_PORT
    other = free_port()
    say(f"port {_DEFAULT_PORT} is in use; taking {other}")
    return other
