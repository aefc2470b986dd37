"""API keys: made once, shown once, kept as a hash, checked from memory.

A key is ``hr_<id>_<secret>``; a publishable one, for web pages, ``hrp_<id>_<secret>``. The id is
public and names the key in logs and answers. The secret is 256 random bits, so a plain SHA-256 is
enough at rest: what makes Argon2 necessary is that people choose passwords that can be guessed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import asyncpg
import structlog

from services.runtime.database import Connection, is_infrastructure

log = structlog.get_logger(__name__)

_REFRESH_SECONDS: Final = 1.0
_USE_EVERY: Final = timedelta(minutes=1)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Scope(StrEnum):
    """What a key may do."""

    LEADS_WRITE = "leads:write"
    EVENTS_WRITE = "events:write"
    PROSPECTS_WRITE = "prospects:write"
    ASSIGNMENTS_ACT = "assignments:act"
    REPS_ADMIN = "reps:admin"
    DECISIONS_READ = "decisions:read"


class KeyFault(ValueError):
    """A key cannot be made or revoked as asked."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking."""

    key_id: str
    name: str
    source: str | None
    """Everything that this key hands in comes from this source; None: the caller's choice."""
    scopes: frozenset[Scope]
    publishable: bool = False
    """It stands in web pages, for anybody to read."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as it is listed; never its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    publishable: bool
    source: str | None
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


async def create(
    connection: Connection,
    name: str,
    scopes: set[Scope],
    *,
    actor: str,
    source: str | None = None,
    publishable: bool = False,
) -> str:
    """Store a new key and return it: the only time that it can be read.

    :raises KeyFault: a publishable key without a source or with another scope than leads:write.
    """
    if not name or not scopes:
        raise KeyFault("a key needs a name and at least one scope")
    if publishable and (scopes != {Scope.LEADS_WRITE} or not source):
        raise KeyFault("a publishable key may only create leads, of one source: name the source")
    key_id, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    async with connection.transaction():
        await connection.execute(
            "insert into handraise.api_keys (id, name, secret_hash, scopes, publishable, source)"
            " values ($1, $2, $3, $4, $5, $6)",
            key_id,
            name,
            _hash(secret),
            sorted(scopes),
            publishable,
            source,
        )
        await _audit(connection, key_id, "created", actor)
    return f"{'hrp' if publishable else 'hr'}_{key_id}_{secret}"


async def revoke(connection: Connection, key_id: str, *, actor: str) -> None:
    """Take a key out of use; every process knows within about a second.

    :raises KeyFault: there is no such key, or it was revoked before.
    """
    async with connection.transaction():
        found = await connection.fetchval(
            "update handraise.api_keys set revoked_at = now()"
            " where id = $1 and revoked_at is null returning id",
            key_id,
        )
        if found is None:
            raise KeyFault(f"there is no key {key_id} in use")
        await _audit(connection, key_id, "revoked", actor)


async def list_keys(connection: Connection) -> list[KeyInfo]:
    """Every key, revoked ones too, the newest first."""
    rows = await connection.fetch(
        "select id, name, scopes, publishable, source, created_at, revoked_at, last_used_at"
        " from handraise.api_keys order by created_at desc, id"
    )
    return [KeyInfo(**{**dict(row), "scopes": tuple(row["scopes"])}) for row in rows]


class KeyRing:
    """The valid keys in memory, as of a second ago.

    While Postgres is away the last copy stays in use: accepting leads does not depend on it. A
    revocation then takes effect when it is back.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._keys: dict[str, tuple[bytes, Principal]] = {}
        self._noted: dict[str, datetime] = {}
        self._unwritten: set[str] = set()
        self.loaded = False
        """Whether the keys are known at all; before that nobody can be turned away."""

    def authenticate(self, token: str) -> Principal | None:
        """Who holds ``token``; None when nobody does."""
        kind, _, rest = token.partition("_")
        key_id, _, secret = rest.partition("_")
        stored = self._keys.get(f"{kind}_{key_id}")
        # The hash is compared for unknown ids too: an answer takes as long with one as without.
        expected = stored[0] if stored else bytes(32)
        if not hmac.compare_digest(_hash(secret), expected) or stored is None:
            return None
        now = self._now()
        if now - self._noted.get(key_id, _NEVER) >= _USE_EVERY:
            self._noted[key_id] = now
            self._unwritten.add(key_id)
        return stored[1]

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """Read the keys, and write which were used (each at most once a minute)."""
        async with pool.acquire() as connection:
            rows = await connection.fetch(
                "select id, name, secret_hash, scopes, publishable, source"
                " from handraise.api_keys where revoked_at is null"
            )
            self._keys = {_public(row): (row["secret_hash"], _principal(row)) for row in rows}
            self.loaded = True
            await self._write_use(connection)

    async def run(self, pool: asyncpg.Pool) -> None:
        """Refresh each second, for ever."""
        while True:
            try:
                await self.refresh(pool)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("keys.stale", waiting_for="postgres", error=type(error).__name__)
            await asyncio.sleep(_REFRESH_SECONDS)

    async def _write_use(self, connection: Connection) -> None:
        if not self._unwritten:
            return
        used = sorted(self._unwritten)
        # Two processes that saw the same key in the same minute write one line.
        await connection.execute(
            "with used as (update handraise.api_keys set last_used_at = now()"
            "  where id = any($1) and coalesce(last_used_at, '-infinity') < now() - $2::interval"
            "  returning id)"
            " insert into handraise.api_key_audit (key_id, action) select id, 'used' from used",
            used,
            _USE_EVERY,
        )
        self._unwritten.difference_update(used)


def _public(row: asyncpg.Record) -> str:
    return f"{'hrp' if row['publishable'] else 'hr'}_{row['id']}"


def _principal(row: asyncpg.Record) -> Principal:
    known = {scope.value for scope in Scope}  # a later release may have stored others
    scopes = frozenset(Scope(scope) for scope in row["scopes"] if scope in known)
    return Principal(row["id"], row["name"], row["source"], scopes, row["publishable"])


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def _audit(connection: Connection, key_id: str, action: str, actor: str) -> None:
    await connection.execute(
        "insert into handraise.api_key_audit (key_id, action, actor) values ($1, $2, $3)",
        key_id,
        action,
        actor,
    )
