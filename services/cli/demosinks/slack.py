"""A Slack that takes messages, changes them, and sends what somebody presses."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from services.cli.demosinks.inbox import Inbox, Received

SINK = "slack"
_NUMBERS = count(1)


def router(
    inbox: Inbox, token: str, signing: bytes, delivery: str, now: Callable[[], datetime]
) -> APIRouter:
    """The routes of the Web API that we use, and the one that a button goes to."""
    routes = APIRouter()

    @routes.post("/slack/api/{method}")
    async def call(method: str, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {token}":
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        said: dict[str, Any] = await request.json()
        match method:
            case "chat.postMessage":
                stamp = f"{time.time():.6f}{next(_NUMBERS) % 10}"
                inbox.add(_received(said, stamp, now()))
                return JSONResponse({"ok": True, "ts": stamp, "channel": said["channel"]})
            case "chat.update":
                return JSONResponse(_update(inbox, said))
            case _:
                return JSONResponse({"ok": False, "error": "unknown_method"})

    @routes.post("/slack/press")
    async def press(action: str = Form(), token: str = Form()) -> Response:
        """Send to the delivery service what Slack would send."""
        payload = {"type": "block_actions", "actions": [{"action_id": action, "value": token}]}
        body = urlencode({"payload": json.dumps(payload)}).encode()
        stamp = str(int(time.time()))
        proof = hmac.digest(signing, b"v0:" + stamp.encode() + b":" + body, sha256).hex()
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={proof}",
        }
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            await client.post(f"{delivery}/v1/slack/interactions", content=body, headers=headers)
        return RedirectResponse("/", 303)

    return routes


def _received(said: dict[str, Any], stamp: str, at: datetime) -> Received:
    return Received(
        sink=SINK,
        at=at,
        title=str(said.get("text", "")),
        text=_text(said),
        id=stamp,
        to=str(said.get("channel", "")),
        token=_token(said),
        raw=said,
    )


def _update(inbox: Inbox, said: dict[str, Any]) -> dict[str, Any]:
    known = inbox.find(SINK, str(said.get("ts")))
    if known is None:
        return {"ok": False, "error": "message_not_found"}
    known.title, known.text, known.token = str(said.get("text", "")), _text(said), _token(said)
    known.changes += 1
    known.raw = said
    return {"ok": True, "ts": known.id, "channel": known.to}


def _text(said: dict[str, Any]) -> str:
    lines = []
    for block in said.get("blocks") or ():
        texts = [
            block.get("text") or {},
            *(e for e in block.get("elements") or () if "url" not in e),
        ]
        lines += [one["text"] for one in texts if isinstance(one.get("text"), str)]
    return "\n".join(lines)


def _token(said: dict[str, Any]) -> str | None:
    for block in said.get("blocks") or ():
        for element in block.get("elements") or ():
            if element.get("action_id") == "handraise_accept":
                return str(element["value"])
    return None
