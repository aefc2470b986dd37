"""Access tokens of vendors that give another refresh token at each use (OAuth 2.0, RFC 6749 §6).

The latest pair is kept in the database, encrypted with a key of the installation's secret: it
outlives the process, and several processes share it. What an operator sets as the sink's secret is
where it begins; another secret begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import asyncpg
from cryptography.fernet import Fernet, InvalidToken

from services.delivery.store import logins
from services.delivery.store.logins import Kept
from services.runtime.database import Connection

_EARLY: Final = timedelta(minutes=2)
"""An access token that ends so soon is not used any more."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a vendor gave."""

    access_token: str
    refresh_token: str
    expires_at: datetime


Refresh = Callable[[str], Awaitable[Grant]]
"""Asks the vendor with a refresh token; what it raises goes to the caller, and nothing changes."""


class Logins(Protocol):
    """Where a sink gets its access token."""

    async def access_token(self, given: str, refresh: Refresh, refused: str | None = None) -> str:
        """A token that is valid now.

        :param given: the refresh token that the operator set.
        :param refused: an access token that the vendor did not take.
        """
        ...


class StoredLogins:
    """Kept in the database."""

    def __init__(
        self, pool: asyncpg.Pool, installation: bytes, now: Callable[[], datetime]
    ) -> None:
        """:param installation: the installation's secret; never used itself."""
        key = hmac.digest(installation, b"delivery logins", hashlib.sha256)
        self._pool = pool
        self._fernet = Fernet(urlsafe_b64encode(key))
        self._now = now
        self._mine: dict[str, Grant] = {}
        self._asking = asyncio.Lock()

    async def access_token(self, given: str, refresh: Refresh, refused: str | None = None) -> str:
        """See :class:`Logins`. One process asks the vendor, the others wait for its answer."""
        async with self._asking:
            known = self._mine.get(given)
            if known is None or not self._good(known, refused):
                async with self._pool.acquire() as conn, conn.transaction():
                    known = await self._grant(conn, given, refresh, refused)
                self._mine[given] = known
            return known.access_token

    async def _grant(
        self, conn: Connection, given: str, refresh: Refresh, refused: str | None
    ) -> Grant:
        mark = hashlib.sha256(given.encode()).hexdigest()
        await logins.lock(conn, mark)
        kept = self._opened(await logins.find(conn, mark))
        if kept is not None and self._good(kept, refused):
            return kept
        grant = await refresh(given if kept is None else kept.refresh_token)
        await logins.keep(conn, mark, self._closed(grant))
        return grant

    def _good(self, grant: Grant, refused: str | None) -> bool:
        return grant.access_token != refused and self._now() + _EARLY < grant.expires_at

    def _opened(self, kept: Kept | None) -> Grant | None:
        if kept is None:
            return None
        try:
            access, fresh = map(self._fernet.decrypt, (kept.access_token, kept.refresh_token))
        except InvalidToken:  # the installation's secret is another
            return None
        return Grant(access.decode(), fresh.decode(), kept.expires_at)

    def _closed(self, grant: Grant) -> Kept:
        access, fresh = (
            self._fernet.encrypt(token.encode())
            for token in (grant.access_token, grant.refresh_token)
        )
        return Kept(fresh, access, grant.expires_at)
