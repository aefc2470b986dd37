"""A mail server on loopback that wants a log-in and knows one mailbox that does not exist."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

PASSWORD = "a password"
NOBODY = "nobody@handraise.example"


@dataclass
class MailServer:
    """What arrived."""

    port: int = 0
    mails: list[bytes] = field(default_factory=list)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address == NOBODY:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content)
        return "250 OK"


def _known(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """Listens until the end of the block."""
    keeper, loop = MailServer(), asyncio.get_running_loop()

    def protocol() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # loopback needs no TLS
            return SMTP(
                keeper, loop=loop, authenticator=_known, auth_required=True, auth_require_tls=False
            )

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    keeper.port = server.sockets[0].getsockname()[1]
    try:
        yield keeper
    finally:
        server.close()
