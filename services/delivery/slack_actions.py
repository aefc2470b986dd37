"""What Slack sends when somebody presses a button: is it Slack, and what is asked. Pure.

The signature is ``v0=`` and HMAC-SHA256 over ``v0:<timestamp>:<body>``, valid for five minutes
(docs.slack.dev, "Verifying requests from Slack").
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from pydantic_core import from_json

from services.delivery.sinks.slack_blocks import ACCEPT, PASS, REASSIGN

WINDOW_S = 300
_ACTIONS = {ACCEPT: "accept", PASS: "pass", REASSIGN: "reassign"}


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button."""

    action: str
    """accept, pass or reassign."""
    token: str
    response_url: str | None
    user: str | None = None
    """Slack's id of whoever pressed: everybody in a channel sees its buttons."""


def is_slack(
    body: bytes, timestamp: str, signature: str, secrets: Iterable[bytes], now: float
) -> bool:
    """Whether a request comes from the Slack that knows one of the signing secrets.

    :param now: Unix time.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    content = b"v0:" + timestamp.encode() + b":" + body
    given = signature.encode() if signature.isascii() else b""
    proven = False
    for secret in secrets:
        expected = b"v0=" + hmac.digest(secret, content, sha256).hex().encode()
        proven |= hmac.compare_digest(expected, given)
    return proven and abs(now - int(timestamp)) <= WINDOW_S


def pressed(body: bytes) -> Pressed | None:
    """The button of an interaction; None for anything else that Slack sends."""
    try:
        [payload] = parse_qs(body.decode(), max_num_fields=10)["payload"]
        said: Any = from_json(payload)
        action = said["actions"][0]
        name = _ACTIONS.get(action["action_id"])
        if said["type"] != "block_actions" or name is None:
            return None
        url = said.get("response_url")
        user = said["user"]["id"] if "user" in said else None
        return Pressed(
            name,
            str(action["value"]),
            url if isinstance(url, str) else None,
            user if isinstance(user, str) else None,
        )
    except (KeyError, IndexError, TypeError, ValueError):
        return None
