"""Mail to the rep by SMTP (aiosmtplib), plain and HTML.

The Message-ID is the delivery's own, so that a mail that is sent twice is one mail to most readers.
"""

from __future__ import annotations

import asyncio
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib
from jinja2 import Environment, StrictUndefined

from services.delivery.config import EmailSink
from services.delivery.model import Again, Delivered, Disabled, Outcome, Refused, Skipped
from services.delivery.sinks.base import Message

_HTML = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    """<!doctype html><html><body style="font-family:sans-serif;max-width:40em">
<h2>{{ title }}</h2>
{% for part, said in parts %}<p><strong>{{ part }}</strong><br>{{ said }}</p>
{% endfor %}{% if act %}<p><a href="{{ act }}">Accept or pass</a></p>
{% endif %}{% for name, url in links %}<p><a href="{{ url }}">{{ name }}</a></p>
{% endfor %}</body></html>
"""
)


class Email:
    """One mail server."""

    def __init__(self, config: EmailSink, password: str | None) -> None:
        self._config = config
        self._password = password

    async def send(self, message: Message) -> Outcome:
        """See :class:`~services.delivery.sinks.base.Sink`."""
        rep = message.delivery.event.rep
        if rep is None or not rep.email:
            return Skipped("no_address")
        mail = compose(message, self._config.sender, rep.name, rep.email, self._config.copy_to)
        config = self._config
        try:
            async with asyncio.timeout(config.timeout_ms / 1000):
                await aiosmtplib.send(
                    mail,
                    hostname=config.host,
                    port=config.port,
                    username=config.username,
                    password=self._password,
                    use_tls=config.security == "tls",
                    start_tls=config.security == "starttls",
                    tls_context=ssl.create_default_context(),
                    timeout=config.timeout_ms / 1000,
                )
        except aiosmtplib.SMTPException as error:
            return _judged(error)
        return Delivered(ref=mail["Message-ID"])


def compose(
    message: Message, sender: str, name: str, address: str, copies: tuple[str, ...] = ()
) -> EmailMessage:
    """The mail; a name or a title with line breaks cannot add a header (email.policy refuses)."""
    event = message.delivery.event
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = " ".join(message.brief.title.split())
    mail["From"] = sender
    mail["To"] = Address(" ".join(name.split()), addr_spec=address)
    if copies:
        mail["Cc"] = ", ".join(copies)
    mail["Date"] = format_datetime(event.decided_at)
    domain = sender.rpartition("@")[2].rstrip("> ") or "handraise"
    mail["Message-ID"] = f"<{message.delivery.delivery_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    act = message.actions.url if message.actions is not None else None
    text = message.brief.text().replace("\n", "\n\n")
    addresses = [("Accept or pass", act)] if act else []
    addresses += list(message.links)
    text += "".join(f"\n\n{title}: {url}" for title, url in addresses)
    mail.set_content(text + "\n")
    parts = [(part.value, said) for part, said in message.brief.parts()]
    html = _HTML.render(title=message.brief.title, parts=parts, act=act, links=message.links)
    mail.add_alternative(html, subtype="html")
    return mail


def _judged(error: aiosmtplib.SMTPException) -> Outcome:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return Disabled("authentication")
        case aiosmtplib.SMTPRecipientsRefused(recipients=recipients):
            codes = [one.code for one in recipients]
            if codes and all(code >= 500 for code in codes):
                return Refused(f"recipient_{codes[0]}")
            return Again("recipient")
        case aiosmtplib.SMTPResponseException(code=code) if code >= 500:
            return Refused(f"smtp_{code}")
        case aiosmtplib.SMTPTimeoutError():
            raise TimeoutError("no answer of the mail server") from error
        case _:
            return Again(type(error).__name__)
