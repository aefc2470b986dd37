"""``handraise doctor``: what this machine and installation can do, and what stands in the way."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from services.cli import configfiles, output, prune, retention, target
from services.cli.errors import explain
from services.cli.target import Target
from services.runtime import installation, migrate, topics_admin
from services.runtime.configstore import ConfigStore, version_of
from services.runtime.embedded import java, postgres
from services.runtime.embedded.errors import EmbeddedError
from services.runtime.supervisor import not_ready

_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    state: str
    """ok, note (something optional is missing) or FAULT."""
    detail: str


class _Neglected(Exception):
    """Nothing is broken; somebody should do something."""


def doctor(data: output.DataOption = None, json: output.JsonOption = False) -> None:
    """Look for faults here; exit 1 when there is one.

    Looks at this machine, the configuration and what runs.
    """
    found = target.find(data)
    findings = [*_machine(), *_folder(found, data), *_configuration(), *_installation(found)]
    if json:
        output.emit({"findings": [asdict(one) for one in findings]})
    else:
        output.show([asdict(one) for one in findings], ["check", "state", "detail"], "")
    if any(one.state == "FAULT" for one in findings):
        raise typer.Exit(1)


def _machine() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "FAULT", version)
    yield _tried("embedded Postgres", "FAULT", lambda: f"major {postgres.major()}")
    yield _tried("Java for --kafka apache", "note", lambda: str(java.find_java()))
    yield _kafka_jars()


def _folder(found: Target, data: Path | None) -> Iterator[Finding]:
    if found.running is None and found.environment.postgres is not None and data is None:
        return  # nothing of ours is kept here: the services run elsewhere
    folder = target.data_folder(data)
    place = next(
        parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.is_dir()
    )
    free = shutil.disk_usage(place).free
    enough = "ok" if free > _FREE_BYTES else "FAULT"
    yield Finding("disk", enough, f"{free / 1024**3:.1f} GiB free at {place}")
    writable = "ok" if os.access(place, os.W_OK) else "FAULT"
    yield Finding("data folder", writable, str(folder.resolve()))


def _kafka_jars() -> Finding:
    kept = sorted(java.cache_folder().glob("kafka-*/"))
    if kept:
        return Finding("Apache Kafka", "ok", f"fetched: {kept[-1]}")
    if shutil.which("mvn"):
        return Finding("Apache Kafka", "ok", "not fetched yet; Maven is here")
    return Finding("Apache Kafka", "note", "not fetched, and `mvn` is not here to fetch it")


def _configuration() -> Iterator[Finding]:
    def look() -> str:
        folder = configfiles.folder(None)
        return f"{folder} is version {version_of(configfiles.load(folder))}"

    yield _tried("configuration folder", "FAULT", look)


def _installation(found: Target) -> Iterator[Finding]:
    if found.running is None and found.environment.postgres is None:
        yield Finding("running", "note", f"nothing runs on {found.data}")
        return
    yield _tried("database", "FAULT", lambda: asyncio.run(_database(found.postgres)))
    yield _tried("topics", "FAULT", lambda: asyncio.run(_topics(found)))
    yield _tried("pruning", "note", lambda: _pruning(found))
    for name, process in found.running.services.items() if found.running else ():
        yield _service(name, process.url)


async def _database(dsn: str) -> str:
    async with target.connection(dsn) as connection:
        await migrate.verify(connection, migrate.ROOMS)
        here = await installation.read(connection)
        version, _ = await ConfigStore().active(connection)
    kind = "a sandbox" if here.sandbox else "not a sandbox"
    return f"migrated; {kind}; configuration {version} is active"


def _pruning(found: Target) -> str:
    folder = configfiles.folder(configfiles.of_running(found.running))
    keep = retention.parse(retention.beside(folder))
    days = asyncio.run(prune.waits(found.postgres, keep, datetime.now(UTC)))
    if days > 1:
        raise _Neglected(f"rows have waited for it for {days} days: run `handraise prune` daily")
    return "nothing waits for it"


async def _topics(found: Target) -> str:
    faults = await topics_admin.verify(found.kafka)
    if faults:
        raise topics_admin.TopicsError("; ".join(faults))
    return f"as declared at {found.kafka.bootstrap_servers}"


def _service(name: str, url: str) -> Finding:
    why = not_ready(url)
    return Finding(name, "FAULT" if why else "ok", why or f"ready at {url}")


def _tried(check: str, otherwise: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, "ok", look())
    except (EmbeddedError, _Neglected) as error:
        return Finding(check, otherwise, str(error))
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        return Finding(check, "FAULT", known[0])
