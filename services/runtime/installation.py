"""What this installation is: its id, the fingerprint of its secret, and whether it is a sandbox.

One row, written by the first migration.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.runtime.database import Connection

LEAD_ID_KEY = "INSTALLATION"
"""Name of the secret that lead ids are made with (``HANDRAISE_SECRET_INSTALLATION``)."""
_MIN_BYTES = 16


class InstallationError(Exception):
    """This process and this database do not belong together."""


@dataclass(frozen=True, slots=True)
class Installation:
    id: UUID
    created_at: datetime
    sandbox: bool
    """Synthetic leads may be written here."""
    started: bool
    """A service has run here, so that lead ids of its secret exist."""


async def read(connection: Connection) -> Installation:
    """The installation of a migrated database."""
    row = await connection.fetchrow(
        "select id, created_at, sandbox, secret_fingerprint is not null as started"
        " from handraise.installation"
    )
    if row is None:
        raise InstallationError("handraise.installation is empty: restore the database")
    return Installation(**dict(row))


async def claim(connection: Connection, secret: bytes) -> None:
    """Check that ``secret`` is the one that this database's lead ids were made with.

    The first call stores its fingerprint.

    :raises InstallationError: it is another one, or too short to be one.
    """
    if len(secret) < _MIN_BYTES:
        raise InstallationError(
            f"HANDRAISE_SECRET_{LEAD_ID_KEY} is shorter than {_MIN_BYTES} bytes"
        )
    mine = fingerprint(secret)
    stored = await connection.fetchval(
        "update handraise.installation"
        " set secret_fingerprint = coalesce(secret_fingerprint, $1)"
        " where secret_fingerprint is distinct from $1 returning secret_fingerprint",
        mine,
    )
    if stored is not None and not hmac.compare_digest(stored, mine):
        raise InstallationError(
            f"HANDRAISE_SECRET_{LEAD_ID_KEY} is not the secret that this database was filled with"
            f" (fingerprint {mine}, the database has {stored}): every person would become a new"
            " lead; start with the secret that belongs to this database"
        )


async def mark_sandbox(connection: Connection) -> None:
    """Allow synthetic leads, for good; only before a service has started here for the first time.

    :raises InstallationError: real leads may be in it already.
    """
    marked = await connection.fetchval(
        "update handraise.installation set sandbox = true"
        " where sandbox or secret_fingerprint is null returning true"
    )
    if not marked:
        raise InstallationError(
            "this installation has been in use and may hold real leads: a sandbox needs a database"
            " of its own"
        )


def fingerprint(secret: bytes) -> str:
    """16 hex characters that identify a secret and tell nothing of it."""
    return hmac.digest(secret, b"handraise installation", hashlib.sha256).hex()[:16]
