"""The life of a service process: start in order, work, drain.

Exit codes tell the supervisor what to do: 0 drained, 1 crashed (start it again), 2 the environment,
database schema or configuration is wrong (a restart cannot help), 3 a stage took itself down.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from services.runtime import installation, logs, migrate, process, topics_admin
from services.runtime.configfile import ConfigError
from services.runtime.configstore import NoConfiguration
from services.runtime.context import Context
from services.runtime.database import patiently
from services.runtime.installation import LEAD_ID_KEY, InstallationError
from services.runtime.migrate import SchemaError
from services.runtime.server import HttpServer, PortInUse, serve
from services.runtime.settings import PREFIX_OF_KEYS, Secrets, Settings, SettingsError, read
from services.runtime.settings import secrets as read_secrets
from services.runtime.topics_admin import TopicsError

__all__ = ["Build", "Context", "run"]

Build = Callable[[Context], Awaitable[None]]

DRAINED: Final = 0
CRASHED: Final = 1
MISCONFIGURED: Final = 2
STAGE_STOPPED: Final = 3

DRAIN_SECONDS: Final = 5.0
_HTTP_SECONDS: Final = 1.5
_READY_POLL_S: Final = 0.02
_BACK_OFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)

_AWAY: Final = (TopicsError, KafkaError, OSError)
"""What a Kafka that is not there raises."""

log = structlog.get_logger(__name__)


class _Misconfigured(Exception):
    """Nothing but a person can mend it; the message has one line per fault."""


def run(name: str, build: Build) -> int:
    """Run the service ``name`` until it is told to stop; returns the exit code.

    Order: settings, HTTP (alive at once, 503 for all but the probes), Postgres, schema version,
    installation secret, keys, topics, ``build``, brokers, background loops; then ready.
    Postgres is waited for; without Kafka the service starts and does what it can (capture accepts).
    Stops on SIGTERM and SIGINT and, when supervised, when stdin closes.
    """
    try:
        settings, secrets = _environment()
    except SettingsError as error:
        return _refuse(error.faults)
    logs.configure(settings.log.format, settings.log.level, service=name)
    with asyncio.Runner(loop_factory=process.loop_factory()) as runner:
        return runner.run(_Process(name, build, settings, secrets).run())


class _Process:
    def __init__(self, name: str, build: Build, settings: Settings, secrets: Secrets) -> None:
        self._build = build
        self._context = Context(name, settings, secrets)
        self._stopping = asyncio.Event()
        self._found_late: _Misconfigured | None = None

    async def run(self) -> int:
        context = self._context
        self._listen_to_the_outside()
        try:
            http = context.settings.http
            server = await serve(context.app, http.host, http.port)
        except PortInUse as error:
            return _refuse([str(error)])
        code = CRASHED
        try:
            code = await self._live(server)
        except _Misconfigured as error:
            code = _refuse(str(error).splitlines())
        except Exception as error:
            log.exception("crashed")
            found = logs.describe(error)
            place = found.get("at", "a place unknown")
            _refuse([f"{context.name} crashed: {found['error']} at {place}"])
        finally:
            await self._drain(server)
        return code

    async def _live(self, server: HttpServer) -> int:
        """From the first connection to the reason to stop."""
        lag = asyncio.create_task(process.watch_lag(self._context.metrics), name="loop-lag")
        try:
            if not await self._unless_stopped(self._start()):
                return DRAINED
            failed = [asyncio.create_task(lane.failed.wait()) for lane in self._context.lanes]
            ready = asyncio.create_task(self._announce(server), name="ready")
            stop = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([stop, *failed], return_when=asyncio.FIRST_COMPLETED)
            for task in (ready, stop, *failed):
                task.cancel()
        finally:
            lag.cancel()
        if self._found_late is not None:
            raise self._found_late
        reasons = [
            lane.reason or "a stage failed" for lane in self._context.lanes if lane.failed.is_set()
        ]
        if reasons:
            log.error("stage.stopped", reason="; ".join(reasons))
            _refuse(reasons)
            return STAGE_STOPPED
        return DRAINED

    async def _start(self) -> None:
        context = self._context
        try:
            await self._start_database()
            kafka_is_there = await self._start_kafka()
            context.health.starting = "the service is being built"
            await self._build(context)
        except (ConfigError, NoConfiguration, SchemaError, InstallationError) as error:
            raise _Misconfigured(str(error)) from error
        context.task("keys", lambda: context.keys.run(context.control))
        await context.start(wait=kafka_is_there)
        context.health.starting = None
        process.collect_less()

    async def _start_database(self) -> None:
        context = self._context
        context.health.starting = "waits for postgres"
        try:
            await patiently(context.open, doing="open the database")
        except asyncpg.PostgresError as error:  # password, database, privileges
            shown = context.settings.postgres.shown
            raise _Misconfigured(f"{shown} refuses: {error.args[0]}") from error
        await patiently(self._check_database, doing="check the database")
        await context.open_lanes()

    async def _check_database(self) -> None:
        context = self._context
        packages = ["services.runtime"]
        if migrate.has_package(own := f"services.{context.name}"):
            packages.append(own)
        async with context.control.acquire() as connection:
            await migrate.verify(connection, packages)
            await installation.claim(connection, context.secrets.get(LEAD_ID_KEY)[0])
        await context.keys.refresh(context.control)

    async def _start_kafka(self) -> bool:
        """Whether Kafka is there. Where it is not, its topics are checked once it is."""
        context = self._context
        context.health.starting = "waits for kafka"
        try:
            self._accept(await self._topics())
        except _AWAY as error:
            log.warning("waiting", waiting_for="kafka", error=type(error).__name__)
            context.ready_when("kafka", self._unchecked)
            context.task("topics", self._check_topics_later)
            return False
        return True

    async def _check_topics_later(self) -> None:
        attempt = 0
        while True:
            await asyncio.sleep(_BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)])
            attempt += 1
            try:
                self._accept(await self._topics())
            except _AWAY:
                continue
            except _Misconfigured as error:
                self._found_late = error
                self._stopping.set()
            self._context.health.checks.pop("kafka", None)
            return

    async def _unchecked(self) -> str | None:
        return "no broker was reached yet"

    def _accept(self, faults: list[str]) -> None:
        if faults:
            raise _Misconfigured("\n".join(faults))

    async def _topics(self) -> list[str]:
        kafka = self._context.settings.kafka
        # The check itself runs in a thread, which a drain would have to wait for.
        await process.reachable(kafka.bootstrap_servers)
        return await topics_admin.verify(kafka)

    async def _announce(self, server: HttpServer) -> None:
        """Say once that the process is ready; the supervisor waits for it."""
        context = self._context
        while await context.health.reasons():  # noqa: ASYNC110  (most checks are polls themselves)
            await asyncio.sleep(_READY_POLL_S)
        log.info("ready", url=server.url)
        if context.settings.supervised:
            line = {"ready": True, "service": context.name, "http": server.url}
            print(json.dumps(line), flush=True)

    async def _unless_stopped(self, work: Awaitable[None]) -> bool:
        """Await ``work``; False when the process was told to stop first."""
        working = asyncio.ensure_future(work)
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([working, stop], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return True
            return False
        finally:
            stop.cancel()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _drain(self, server: HttpServer) -> None:
        began = time.monotonic()
        context = self._context
        context.health.draining = True
        await server.stop(_HTTP_SECONDS)
        await context.stop(DRAIN_SECONDS - (time.monotonic() - began))
        log.info("drained", seconds=round(time.monotonic() - began, 3))

    def _listen_to_the_outside(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(process.log_unhandled)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop, number.name)
        if self._context.settings.supervised:
            stop = (loop, self._stopping.set)
            threading.Thread(target=process.wait_for_eof, args=stop, daemon=True).start()

    def _told_to_stop(self, signal_name: str) -> None:
        if self._stopping.is_set() and signal_name == signal.SIGINT.name:
            os._exit(CRASHED)  # Ctrl-C a second time: a person who does not want to wait
        log.info("stopping", signal=signal_name)
        self._stopping.set()


def _environment() -> tuple[Settings, Secrets]:
    secrets = read_secrets()
    faults = [] if secrets.get(LEAD_ID_KEY) else [f"{PREFIX_OF_KEYS}{LEAD_ID_KEY}: missing"]
    try:
        settings = read()
    except SettingsError as error:
        raise SettingsError(sorted(error.faults + faults)) from None
    if faults:
        raise SettingsError(faults)
    return settings, secrets


def _refuse(faults: Iterable[str]) -> int:
    for fault in faults:
        print(fault, file=sys.stderr, flush=True)
    return MISCONFIGURED
