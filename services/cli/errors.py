"""Turns what can go wrong in a command into its one line and its exit code."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import httpx
from aiokafka.errors import KafkaError

from services.cli.output import CommandError
from services.runtime.apikeys import KeyFault
from services.runtime.configfile import ConfigError
from services.runtime.configstore import NoConfiguration
from services.runtime.datafolder import FolderError
from services.runtime.embedded.errors import EmbeddedError
from services.runtime.installation import InstallationError
from services.runtime.migrate import SchemaError
from services.runtime.settings import SettingsError
from services.runtime.supervisor import CONFIG_FAULT, Ended
from services.runtime.topics_admin import TopicsError


def explain(error: Exception) -> tuple[str, int] | None:
    """The line and the exit code; None for what nobody foresaw, which deserves its traceback."""
    match error:
        case CommandError() | Ended():
            return str(error), error.code
        case ConfigError() | SettingsError():
            return str(error), CONFIG_FAULT
        case (
            EmbeddedError()
            | FolderError()
            | InstallationError()
            | KeyFault()
            | NoConfiguration()
            | SchemaError()
            | TopicsError()
        ):
            return str(error), 1
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            return f"Postgres: {str(error).splitlines()[0]}", 1
        case KafkaError():
            return f"Kafka: {str(error) or type(error).__name__}", 1
        case ConnectionError() | TimeoutError() | httpx.TransportError():
            return f"no connection: {str(error) or type(error).__name__}", 1
        case OSError(filename=str() | Path() as name):
            return f"{name}: {error.strerror}", 1
        case OSError(strerror=str() as why):  # a host that nobody knows, a network that is away
            return f"no connection: {why}", 1
        case _:
            return None
