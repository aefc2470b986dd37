"""The embedded HTTP server over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Request

from services.runtime import server as server_module
from services.runtime.http import HttpServer, create_app, read_body, serve
from services.runtime.metrics import Metrics
from services.runtime.server import PortInUse
from tests.support.waiting import eventually


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    app = create_app("test", metrics=Metrics())
    app.state.held = asyncio.Event()

    @app.post("/hooks/{source}")
    async def hooks(source: str, request: Request) -> int:
        return len(await read_body(request, 1000, 0.3))

    @app.get("/slow")
    async def slow() -> str:
        app.state.held.set()
        await asyncio.sleep(0.3)
        return "done"

    running = await serve(app)
    running.app = app  # type: ignore[attr-defined]
    yield running
    await running.stop()


async def talk(server: HttpServer, *parts: bytes) -> bytes:
    """Send raw bytes and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def test_it_serves_on_a_free_port(server: HttpServer) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/live")).json()["status"] == "alive"
        answer = await client.post("/hooks/x", content=b"12345")
        assert answer.text == "5"
        assert "server" not in answer.headers


async def test_a_port_in_use_is_one_sentence(server: HttpServer) -> None:
    with pytest.raises(PortInUse, match=f"port {server.port} on 127.0.0.1 is in use"):
        await serve(create_app("other", metrics=Metrics()), port=server.port)


async def test_a_body_without_end_is_cut_off_and_the_connection_closed(server: HttpServer) -> None:
    head = b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1f4\r\n" + b"x" * 500 + b"\r\n"
    answer = await talk(server, head, chunk, chunk, chunk)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer


async def test_a_body_that_does_not_come_is_given_up(server: HttpServer) -> None:
    head = b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    assert (await talk(server, head, b"x")).startswith(b"HTTP/1.1 408")


async def test_headers_that_do_not_come_are_given_up(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_HEADER_SECONDS", 0.2)
    assert await talk(server) == b""
    assert await talk(server, b"GET /live HTTP/1.1\r\nHost: x\r\nX-Slow") == b""


async def test_headers_without_end_are_refused(server: HttpServer) -> None:
    huge = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(60))
    answer = await talk(server, b"GET /live HTTP/1.1\r\nHost: x\r\n", huge)
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""


async def test_a_stop_lets_running_requests_finish_and_takes_no_more(server: HttpServer) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        running = asyncio.create_task(client.get("/slow"))
        await eventually(server.app.state.held.is_set)  # type: ignore[attr-defined]
        await asyncio.wait_for(server.stop(), 3)
        assert (await running).json() == "done"
        with pytest.raises(httpx.ConnectError):
            await client.get("/live")
