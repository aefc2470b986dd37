"""A provider on loopback that answers as it is told: well, late, wrongly, hugely or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from services.enrichment.config import EnrichmentConfig, EnrichmentFile, resolve
from services.enrichment.providers.settings import HttpProvider
from tests.support.loopback import Loopback

Reply = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]

COMPANY = {"company": {"headcount": 640, "industry": "Software", "domain": "acme.example"}}


@dataclass(frozen=True)
class Request:
    """What was asked."""

    line: str
    headers: dict[str, str]


@dataclass
class StandIn(Loopback):
    """A server whose ``reply`` may be changed while it runs."""

    reply: Reply
    requests: list[Request] = field(default_factory=list)

    def provider(self, **changes: Any) -> HttpProvider:
        """The configuration of this server as a provider."""
        values: dict[str, Any] = {
            "url": f"{self.url}/v1/companies?domain={{domain}}",
            "headers": {"authorization": "Bearer {secret}"},
            "secret": "STANDIN",
            "answer": {"headcount": "/company/headcount", "industry": "/company/industry"},
            "confirm": "/company/domain",
            "timeout_ms": 1000,
            "rate": {"calls": 1000},
            "cost": 0.02,
            **changes,
        }
        return HttpProvider.model_validate(values)

    def config(self, budget_ms: int = 5000, **changes: Any) -> EnrichmentConfig:
        """A configuration that wants the headcount, from this server."""
        return resolve(
            EnrichmentFile.model_validate(
                {
                    "budget_ms": {"live": {"default": budget_ms}},
                    "fields": {"headcount": {"waterfall": ["standin"]}},
                    "providers": {"standin": self.provider(**changes).model_dump()},
                }
            )
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            request = Request(head[0], {name.lower(): value for name, value in headers.items()})
            self.requests.append(request)
            await self.reply(request, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            writer.close()


def answering(
    document: Any = COMPANY, status: int = 200, extra: str = "", body: bytes | None = None
) -> Reply:
    """One complete answer."""
    payload = json.dumps(document).encode() if body is None else body

    async def reply(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-length: {len(payload)}\r\n"
            f"content-type: application/json\r\nconnection: close\r\n{extra}\r\n".encode()
        )
        writer.write(payload)

    return reply


def in_turn(*replies: Reply) -> Reply:
    """The first reply to the first request, and so on; the last one for ever."""
    left = list(replies)

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, writer)

    return reply


def after(gate: asyncio.Event, then: Reply) -> Reply:
    """Nothing until the gate opens."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await then(request, writer)

    return reply


def slowly(seconds: float, then: Reply) -> Reply:
    """An answer after a while, as real ones come."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await then(request, writer)

    return reply


async def hang(_: Request, __: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def drop(_: Request, writer: asyncio.StreamWriter) -> None:
    """Close without a word."""
    writer.close()


async def flood(_: Request, writer: asyncio.StreamWriter) -> None:
    """An answer without end."""
    writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()
