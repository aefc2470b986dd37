"""What a process is told by its environment, checked as a whole before anything starts.

Every variable begins with ``HANDRAISE_``; a group is separated by two underscores
(``HANDRAISE_POSTGRES__DSN``). Secrets are variables of their own, ``HANDRAISE_SECRET_<NAME>``, so
that a platform can mount them on their own; :func:`secrets` reads them.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as _UnreadableError

from services.runtime.dsn import DSN, is_dsn, redact
from services.runtime.secretvalues import PREFIX_OF_KEYS, Secrets, secrets

PREFIX = "HANDRAISE_"
MOST_CLOCK_SCALE = 1_000_000

Port = Annotated[int, Field(ge=0, le=65535)]
_BROKER = re.compile(r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})$")


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(_Group):
    """How to reach the brokers."""

    bootstrap_servers: str
    """``host:port``, several separated by commas."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: FilePath | None = None
    ssl_certfile: FilePath | None = None
    """Our own certificate, where the brokers ask for one (mutual TLS); with ``ssl_keyfile``."""
    ssl_keyfile: FilePath | None = None
    embedded: bool = False
    """The in-process broker: it answers a fetch only when the wait is over, and knows no admin."""
    fetch_max_wait_ms: Annotated[int, Field(ge=1, le=5000)] = 500
    """How long an idle fetch is parked. A record is handed out at once all the same; at 100 the
    idle consumers of one installation were seen to cost the broker a fifth of a core."""
    session_timeout_ms: Annotated[int, Field(ge=1000, le=300_000)] = 6000
    heartbeat_ms: Annotated[int, Field(ge=100)] = 1000
    instance: str | None = None
    """Id of static group membership; only where it is unique among all running processes."""

    @field_validator("bootstrap_servers")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for address in value.split(","):
            match = _BROKER.match(address.strip())
            if match is None or not 0 < int(match.group(2)) < 65536:
                raise ValueError("must be host:port, several separated by commas")
        return ",".join(address.strip() for address in value.split(","))

    @model_validator(mode="after")
    def _complete(self) -> KafkaSettings:
        if self.security_protocol.startswith("SASL"):
            needed = ("sasl_mechanism", "sasl_username", "sasl_password")
            missing = [name for name in needed if getattr(self, name) is None]
            if missing:
                names = ", ".join(variable(("kafka", name)) for name in missing)
                raise ValueError(f"{self.security_protocol} also needs {names}")
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            names = " and ".join(variable(("kafka", f"ssl_{one}file")) for one in ("cert", "key"))
            raise ValueError(f"{names} go together")
        if self.heartbeat_ms * 3 > self.session_timeout_ms:
            raise ValueError("the session must last at least three heartbeats")
        return self


class PostgresSettings(_Group):
    """How to reach the database."""

    dsn: SecretStr
    """``postgresql://user:password@host:port/database``."""
    pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    """Connections per lane and process."""

    @field_validator("dsn")
    @classmethod
    def _address(cls, value: SecretStr) -> SecretStr:
        if not is_dsn(dsn := value.get_secret_value()) or len(urlsplit(dsn).path) < 2:
            raise ValueError(f"must be {DSN}")
        return value

    @property
    def shown(self) -> str:
        """The DSN without its password, for messages."""
        return redact(self.dsn.get_secret_value())


class HttpSettings(_Group):
    """Where this process listens."""

    host: str = "127.0.0.1"
    port: Port = 0
    """0: any free port."""
    public_url: str | None = None
    """What the world calls this process, where a proxy stands before it."""
    trusted_proxies: str = ""
    """Networks, separated by commas, whose ``X-Forwarded-For`` names the client."""

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        names = [name.strip() for name in value.split(",") if name.strip()]
        try:
            return ",".join(str(ip_network(name)) for name in names)
        except ValueError:
            raise ValueError("must be networks as 10.0.0.0/8, separated by commas") from None

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of ``trusted_proxies``."""
        return tuple(ip_network(name) for name in self.trusted_proxies.split(",") if name)


class LogSettings(_Group):
    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(BaseSettings):
    """All settings of one process. Immutable; its ``repr`` shows no secret."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        validate_default=False,
    )

    kafka: KafkaSettings
    postgres: PostgresSettings
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    config: Path = Path("deploy/config")
    """Folder that seeds an empty configuration registry."""
    data: Path | None = None
    supervised: bool = False
    """Started by ``handraise up``: report readiness on stdout, drain when stdin closes."""
    clock_scale: Annotated[float, Field(gt=0, le=MOST_CLOCK_SCALE)] = 1.0

    @field_validator("config")
    @classmethod
    def _folder(cls, value: Path) -> Path:
        if not value.is_dir():
            raise ValueError("is not a folder")
        return value


class SettingsError(Exception):
    """The environment does not describe a process that can start."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def read() -> Settings:
    """The settings of ``os.environ``.

    :raises SettingsError: with every fault at once, each with its variable and without its value.
    """
    faults = _misspelt()
    try:
        settings = Settings()
    except ValidationError as error:
        faults += _faults(error)
    except _UnreadableError as error:
        faults.append(f"{PREFIX}*: {error}")
    if faults:
        raise SettingsError(sorted(set(faults)))
    return settings


def load() -> Settings:
    """As :func:`read`; prints the faults to stderr, one a line, and exits with 2."""
    try:
        return read()
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        raise SystemExit(2) from None


def variable(path: tuple[str, ...]) -> str:
    """Name of the environment variable of a field."""
    return PREFIX + "__".join(path).upper()


def _known() -> dict[str, bool]:
    """Every variable, and whether a process cannot start without it."""
    names: dict[str, bool] = {}
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            for inner, inner_field in group.model_fields.items():
                required = field.is_required() and inner_field.is_required()
                names[variable((name, inner))] = required
        else:
            names[variable((name,))] = field.is_required()
    return names


def _misspelt() -> list[str]:
    """Variables that are almost one of ours; others may belong to other programs."""
    known = list(_known())
    faults = []
    for name in os.environ:
        if not name.startswith(PREFIX) or name.startswith(PREFIX_OF_KEYS) or name.upper() in known:
            continue
        group = name.removeprefix(PREFIX).partition("__")[0].lower()
        if "__" in name and group in Settings.model_fields:
            continue  # reported by the group itself
        near = difflib.get_close_matches(name, known, 1, 0.85)
        if near:
            faults.append(f"{name}: unknown; did you mean {near[0]}?")
    return faults


def _faults(error: ValidationError) -> list[str]:
    known = _known()
    faults = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(str(part) for part in fault["loc"])
        name = variable(path)
        match fault["type"]:
            case "missing" if len(path) == 1:  # a whole group is absent
                needed = [v for v, required in known.items() if required]
                faults += [f"{v}: missing" for v in needed if v.startswith(name)]
            case "missing":
                faults.append(f"{name}: missing")
            case "extra_forbidden":
                near = difflib.get_close_matches(name, list(known), 1, 0.6)
                hint = f"; did you mean {near[0]}?" if near else ""
                faults.append(f"{name}: unknown{hint}")
            case _:
                faults.append(f"{name}: {plain(fault['msg'])}")
    return faults


def plain(message: str) -> str:
    """What pydantic says, as the rest of a sentence."""
    return message.removeprefix("Value error, ").replace("Input should be", "must be", 1)


__all__ = [
    "PREFIX_OF_KEYS",
    "HttpSettings",
    "KafkaSettings",
    "LogSettings",
    "PostgresSettings",
    "Secrets",
    "Settings",
    "SettingsError",
    "load",
    "plain",
    "read",
    "secrets",
    "variable",
]
