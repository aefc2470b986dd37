"""Slack's Web API as its documents describe it, as far as a sink uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.runtime.server import serve

TOKEN = "xoxb-token"
_MOST_BLOCKS, _MOST_HEADER, _MOST_TEXT = 50, 150, 3_000


@dataclass
class Workspace:
    """Its channels, and what was posted."""

    channels: set[str]
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = FastAPI()
        app.post("/api/{method}")(self._call)
        server = await serve(app, "127.0.0.1", 0)
        try:
            yield server.url
        finally:
            await server.stop(0.5)

    async def _call(self, method: str, request: Request) -> Response:
        return JSONResponse(self._answer(method, request, await request.json()))

    def _answer(self, method: str, request: Request, said: dict[str, Any]) -> dict[str, Any]:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _no("invalid_auth")
        if not request.headers["content-type"].startswith("application/json; charset=utf-8"):
            return _no("invalid_post_type")
        if said["channel"] not in self.channels:
            return _no("channel_not_found")
        if fault := _fault(said):
            return _no(fault)
        if method == "chat.update" and said["ts"] not in self.messages:
            return _no("message_not_found")
        stamp = said["ts"] if method == "chat.update" else f"1763632800.{len(self.messages):06d}"
        self.messages[stamp] = said
        return {"ok": True, "channel": said["channel"], "ts": stamp}


def _no(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


def _fault(said: dict[str, Any]) -> str | None:
    blocks = said.get("blocks") or []
    if not said.get("text"):
        return "no_text"
    if len(blocks) > _MOST_BLOCKS:
        return "invalid_blocks"
    for block in blocks:
        text = block.get("text") or {}
        most = _MOST_HEADER if block["type"] == "header" else _MOST_TEXT
        if not 0 < len(text.get("text", "-")) <= most:
            return "invalid_blocks"
    return None
