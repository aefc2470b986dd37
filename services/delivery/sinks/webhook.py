"""Any HTTP endpoint, by the rules of Standard Webhooks (standardwebhooks.com).

The id stays the same over all attempts, the time is the attempt's, and while a secret is being
changed both sign. 2xx alone is success; 410 means that nobody wants them any more.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256

from pydantic_core import to_json

from services.delivery.model import Again, Delivered, Disabled, Outcome
from services.delivery.sinks.base import Message
from services.runtime.outside import Outside

_PREFIX = b"whsec_"


class Webhook:
    """One endpoint."""

    def __init__(
        self, url: str, secrets: Sequence[bytes], outside: Outside, now: Callable[[], datetime]
    ) -> None:
        self._url = url
        self._keys = [key(secret) for secret in secrets]
        self._outside = outside
        self._now = now

    async def send(self, message: Message) -> Outcome:
        """See :class:`~services.delivery.sinks.base.Sink`."""
        body = payload(message)
        headers = signed(f"msg_{message.delivery.delivery_id.hex}", self._now(), body, self._keys)
        answer = await self._outside.request("POST", self._url, headers=headers, body=body)
        match answer.status:
            case status if 200 <= status < 300:
                return Delivered()
            case 410:
                return Disabled("gone")
            case status:
                return Again(f"status_{status}", answer.retry_after_s)


def payload(message: Message) -> bytes:
    """The body: what happened, when, and the event as it is on the bus."""
    event, touch = message.delivery.event, message.delivery.touch
    if message.delivery.farewell:
        gone = {"lead_id": event.lead_id, "erased_at": event.decided_at}
        return to_json({"type": "lead.erased", "timestamp": event.decided_at, "data": gone})
    if touch is not None:
        due = {"type": "touch.due", "timestamp": message.delivery.created_at, "data": touch}
        return to_json(due)
    return to_json(
        {
            "type": f"assignment.{event.status.value}",
            "timestamp": event.decided_at,
            "data": event,
        }
    )


def key(secret: bytes) -> bytes:
    """The key of ``whsec_`` and base64; any other text counts as itself."""
    if secret.startswith(_PREFIX):
        try:
            return b64decode(secret.removeprefix(_PREFIX), validate=True)
        except NotBase64:
            return secret
    return secret


def signed(message_id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers that prove a body."""
    stamp = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), stamp.encode(), body))
    proofs = (b64encode(hmac.digest(one, content, sha256)).decode() for one in keys)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{proof}" for proof in proofs),
    }
