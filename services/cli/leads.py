"""Finds the lead that a person at the keyboard means."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from services.cli.output import CommandError
from services.cli.target import Target
from services.kernel.identity import lead_id, normalise_email
from services.runtime.installation import LEAD_ID_KEY


class Nobody(CommandError):
    """Nobody of an address was here, or is known any more."""

    def __init__(self, email: str, token: UUID) -> None:
        super().__init__(f"nobody with the address {email} was here")
        self.token = token


_STANDS_FOR = "select lead_id from capture.identity where token = $1"


async def find_lead(connection: asyncpg.Connection, where: Target, named: str) -> UUID:
    """The id of a lead named by its id or its e-mail.

    :raises CommandError: neither, or nobody of that address was here.
    """
    try:
        return UUID(named)
    except ValueError:
        pass
    email = normalise_email(named)
    if email is None:
        raise CommandError(f"{named!r} is neither a lead id nor an e-mail address")
    secret = where.secret(LEAD_ID_KEY)
    if secret is None:
        raise CommandError(
            f"looking a lead up by e-mail takes HANDRAISE_SECRET_{LEAD_ID_KEY}; the lead id works "
            "without"
        )
    token = lead_id(secret.encode(), email, None, "", None)
    found: UUID | None = await connection.fetchval(_STANDS_FOR, token)
    if found is None:
        raise Nobody(named, token)
    return found
