"""The data folder of ``handraise up``: its lock, its generated secrets, and what runs on it now.

Everything in it that holds a secret is readable by its owner alone.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

_SECRET_BYTES = 32


class FolderError(Exception):
    """The data folder cannot be used; the message is one line for a person."""


@dataclass(frozen=True, slots=True)
class Process:
    """A service of a running ``up``."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Running:
    """What a running ``up`` tells whoever finds its data folder."""

    pid: int
    started: float
    """Of the process, seconds since the epoch: tells it from a later one with the same id."""
    http: str
    kafka: str
    broker: str
    """embedded, apache or external."""
    postgres: str
    api_key: str
    config: str
    services: Mapping[str, Process] = field(default_factory=dict)


class DataFolder:
    """A folder that one ``up`` at a time owns. Made when it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self.postgres = self.path / "postgres"
        self.kafka = self.path / "kafka"
        self._state = self.path / "running.json"
        self._secrets = self.path / "secrets.json"
        self._lock: IO[str] | None = None

    def lock(self) -> None:
        """Takes the folder; raises FolderError naming the process that has it.

        The kernel frees the lock when the process ends, however it ends.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            file = (self.path / "lock").open("a+")
        except OSError as error:
            raise FolderError(f"the data folder cannot be used: {error}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise FolderError(
                f"{self.path} is in use by a running `handraise up` (process {owner}): stop that "
                f"one, or give another --data"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._lock = file
        self._state.unlink(missing_ok=True)

    def release(self) -> None:
        """Gives the folder back and takes down what said that something runs on it."""
        self._state.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def log(self, name: str) -> Path:
        """The log of a part of this start; that of the start before is kept beside it."""
        path = self.logs / f"{name}.log"
        if path.exists():
            path.replace(path.with_suffix(".log.1"))
        return path

    def secrets(self, names: Iterable[str]) -> dict[str, str]:
        """The value of each name, made at first use and the same ever after.

        ``whsec_`` and 32 random bytes in base64: what Standard Webhooks want, and any other format
        takes it as text.
        """
        known = self._read(self._secrets).get("secrets", {})
        missing = [name for name in names if name not in known]
        for name in missing:
            known[name] = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        if missing:
            self._update(self._secrets, {"secrets": known})
        return {name: known[name] for name in names}

    @property
    def api_key(self) -> str | None:
        """The key that an earlier start made."""
        return self._read(self._secrets).get("api_key")

    @api_key.setter
    def api_key(self, key: str) -> None:
        self._update(self._secrets, {"api_key": key})

    def publish(self, running: Running) -> None:
        """Lets commands find what runs here."""
        _write(self._state, asdict(running))

    def running(self) -> Running | None:
        """What runs here now; None when nothing does, also where a killed one left its file."""
        found = self._read(self._state)
        if not found:
            return None
        processes = {name: Process(**entry) for name, entry in found.pop("services").items()}
        running = Running(**found, services=processes)
        return running if _alive(running) else None

    def known_secrets(self) -> dict[str, str]:
        """Every secret that was made here, by name."""
        return dict(self._read(self._secrets).get("secrets", {}))

    def _update(self, path: Path, change: Mapping[str, Any]) -> None:
        _write(path, {**self._read(path), **change})

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            return dict(json.loads(path.read_text()))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise FolderError(f"{path} cannot be read: {error}") from None


def started_at(pid: int) -> float:
    """When a process was started, seconds since the epoch."""
    return float(psutil.Process(pid).create_time())


def _alive(running: Running) -> bool:
    try:
        return abs(started_at(running.pid) - running.started) < 1
    except psutil.Error:
        return False


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """0600 from its first moment, and whole or not at all."""
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    Path(scratch).replace(path)
