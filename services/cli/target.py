"""Where a command works: a running ``up``, found by its data folder, or the environment."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import ValidationError
from pydantic_core import from_json
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.base import to_utc
from services.cli.output import CommandError
from services.runtime.datafolder import DataFolder, Running
from services.runtime.settings import PREFIX, KafkaSettings, PostgresSettings, plain

DEFAULT_DATA = Path(".handraise")


class _Addresses(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="ignore"
    )

    kafka: KafkaSettings | None = None
    postgres: PostgresSettings | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The installation that a command talks to; asking for the unknown raises CommandError."""

    data: Path
    running: Running | None
    """None: addresses come from the environment."""
    environment: _Addresses

    @property
    def postgres(self) -> str:
        """The DSN."""
        if self.running is not None:
            return self.running.postgres
        if self.environment.postgres is not None:
            return self.environment.postgres.dsn.get_secret_value()
        raise self._unknown("HANDRAISE_POSTGRES__DSN")

    @property
    def kafka(self) -> KafkaSettings:
        if self.running is not None and self.running.broker != "external":
            embedded = self.running.broker == "embedded"
            return KafkaSettings(bootstrap_servers=self.running.kafka, embedded=embedded)
        if self.environment.kafka is not None:
            return self.environment.kafka
        if self.running is not None:
            return KafkaSettings(bootstrap_servers=self.running.kafka)
        raise self._unknown("HANDRAISE_KAFKA__BOOTSTRAP_SERVERS")

    @property
    def http(self) -> str:
        """Capture's URL."""
        url = self.running.http if self.running else os.environ.get("HANDRAISE_HTTP__PUBLIC_URL")
        if not url:
            raise self._unknown("HANDRAISE_HTTP__PUBLIC_URL")
        return url

    @property
    def public_http(self) -> str:
        """What capture's senders call, and some of them sign."""
        return (os.environ.get("HANDRAISE_HTTP__PUBLIC_URL") or self.http).rstrip("/")

    @property
    def api_key(self) -> str:
        key = self.running.api_key if self.running else os.environ.get("HANDRAISE_API_KEY")
        if not key:
            raise self._unknown("HANDRAISE_API_KEY")
        return key

    def service(self, name: str) -> str:
        """URL of a service of a running ``up``."""
        if self.running is None or name not in self.running.services:
            raise self._unknown("no address")
        return self.running.services[name].url

    def secret(self, name: str) -> str | None:
        """A source's secret, for signing what we send to ourselves."""
        given = os.environ.get(f"{PREFIX}SECRET_{name}")
        return given or DataFolder(self.data).known_secrets().get(name)

    def _unknown(self, variable: str) -> CommandError:
        return CommandError(
            f"nothing runs on {self.data} and {variable} is not set: start `handraise up`, or give "
            f"--data, or set the variable"
        )


def data_folder(given: Path | None) -> Path:
    """--data, else HANDRAISE_DATA, else ``.handraise`` here."""
    return given or Path(os.environ.get("HANDRAISE_DATA") or DEFAULT_DATA)


def find(data: Path | None = None) -> Target:
    """A running ``up`` on the data folder; the environment where nothing runs on it.

    Addresses in the environment win over a folder that nobody named.
    """
    folder = data_folder(data)
    try:
        environment = _Addresses()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        raise CommandError(f"{name}: {plain(first['msg'])}", 2) from None
    named = data is not None or os.environ.get("HANDRAISE_DATA")
    running = DataFolder(folder).running()
    if not named and environment.postgres is not None:
        running = None
    return Target(folder.resolve(), running, environment)


def kafka_at(addresses: str) -> KafkaSettings:
    """Brokers named on the command line; how to log in comes from the environment."""
    try:
        settings = _Addresses(kafka={"bootstrap_servers": addresses}).kafka  # type: ignore[arg-type]
    except ValidationError as error:
        raise CommandError(f"--kafka {addresses}: {plain(error.errors()[0]['msg'])}", 2) from None
    assert settings is not None
    return settings


@asynccontextmanager
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """One connection, closed in the end."""
    opened = await asyncpg.connect(dsn, timeout=10)
    try:
        yield opened
    finally:
        await opened.close()


def decoded(value: str | None) -> Any:
    """A jsonb column as Python values."""
    return None if value is None else from_json(value)


def utc(given: datetime | None, zone: tzinfo = UTC) -> datetime | None:
    """A time from the command line, in UTC; on the clock of ``zone`` where it names no other.

    :raises CommandError: it lies where no clock can be told of it.
    """
    if given is None:
        return None
    try:
        return to_utc(given if given.tzinfo else given.replace(tzinfo=zone))
    except ValueError as fault:
        raise CommandError(f"{given.isoformat()}: {fault}", 2) from None


def between(
    since: datetime | None, until: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """A period from the command line, open where an end is not named.

    :raises CommandError: its end lies before its beginning.
    """
    start, end = utc(since), utc(until)
    if start is not None and end is not None and end <= start:
        raise CommandError("--until must lie after --since", 2)
    return start, end
