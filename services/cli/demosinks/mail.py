"""A mail server (aiosmtpd) that keeps what it is given and passes nothing on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.cli.demosinks.inbox import Inbox, Received


class Keeper:
    """The handler that aiosmtpd calls; its method's name is the library's."""

    def __init__(self, inbox: Inbox, now: Callable[[], datetime]) -> None:
        self._inbox = inbox
        self._now = now

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep one mail."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        mail = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)
        plain = mail.get_body(("plain",))
        self._inbox.add(
            Received(
                sink="email",
                at=self._now(),
                title=str(mail["Subject"]),
                text=plain.get_content() if plain is not None else "",
                id=str(mail["Message-ID"]),
                to=", ".join(envelope.rcpt_tos),
            )
        )
        return "250 Message accepted for delivery"
