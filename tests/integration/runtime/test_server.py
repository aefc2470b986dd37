"""The embedded HTTP server over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from math import inf

import httpx
import pytest
from fastapi import Request

from services.runtime import connections
from services.runtime.http import HttpServer, create_app, read_body, serve
from services.runtime.metrics import Metrics
from services.runtime.server import PortInUse
from tests.support.waiting import PATIENCE, eventually


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

    @app.get("/large")
    async def large() -> str:
        return "x" * 50_000_000

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
        return await asyncio.wait_for(reader.read(), PATIENCE * 5)
    finally:
        writer.close()


async def trickle(server: HttpServer, first: bytes, rest: bytes) -> bytes:
    """As :func:`talk`, with ``rest`` again and again, so that no pause is ever long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    async def drip() -> None:
        with contextlib.suppress(OSError):
            while True:
                writer.write(rest)
                await writer.drain()
                await asyncio.sleep(0.03)

    writer.write(first)
    dripping = asyncio.create_task(drip())
    answer = b""
    try:
        async with asyncio.timeout(PATIENCE * 5):
            with contextlib.suppress(ConnectionResetError):
                while part := await reader.read(65_536):
                    answer += part
        return answer
    finally:
        dripping.cancel()
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


async def test_a_body_that_trickles_is_given_up(server: HttpServer) -> None:
    head = b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    assert b"408" in await trickle(server, head, b"x")


async def test_headers_that_do_not_come_are_given_up(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)
    assert await talk(server) == b""
    assert await talk(server, b"GET /live HTTP/1.1\r\nHost: x\r\nX-Slow") == b""


async def test_headers_that_trickle_are_given_up(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.4)
    assert await trickle(server, b"GET /live HTTP/1.1\r\nHost: x\r\n", b"X-Slow: 1\r\n") == b""


async def test_line_ends_between_requests_keep_no_connection_open(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.4)
    assert await trickle(server, b"\r\n", b"\r\n") == b""
    answer = await trickle(server, b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_connection_between_requests_is_closed_after_its_time(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.2)
    answer = await talk(server, b"GET /live HTTP/1.1\r\nhost: h\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" not in answer.lower()


async def test_a_body_that_trickles_after_its_answer_keeps_no_connection_open(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.4)
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"
    assert b"404" in await trickle(server, head, b"x")


async def test_an_answer_that_nobody_takes_is_thrown_away(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WRITE_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    await eventually(lambda: len(server.guard) == 1)
    await eventually(lambda: server.guard.cut == 1, 5)
    assert len(server.guard) == 0
    writer.close()
    del reader


async def test_headers_without_end_are_refused(server: HttpServer) -> None:
    huge = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(60))
    answer = await talk(server, b"GET /live HTTP/1.1\r\nHost: x\r\n", huge)
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""


async def test_what_is_no_http_is_answered_with_a_problem(server: HttpServer) -> None:
    answer = await talk(server, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer


async def test_few_requests_may_run_ahead_of_their_answers(server: HttpServer) -> None:
    answer = await talk(server, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
    assert b"HTTP/1.1 400" in answer


async def test_a_newcomer_takes_the_place_of_whoever_waits_longest(server: HttpServer) -> None:
    server.guard._limit = 64
    idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(200)]
    assert len(server.guard) <= 64
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/live")).status_code == 200
    gone = await asyncio.wait_for(idle[0][0].read(), PATIENCE * 5)
    assert gone == b"", "the first to come is gone"
    for _, writer in idle:
        writer.close()


async def test_a_network_with_more_than_its_share_gives_way_first(server: HttpServer) -> None:
    server.guard._limit = 64
    async with httpx.AsyncClient(
        base_url=server.url, transport=httpx.AsyncHTTPTransport(local_address="127.0.2.1")
    ) as client:
        assert (await client.get("/live")).status_code == 200
        before = server.guard.cut
        flood = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(300)]
        assert server.guard.cut > before + 200
        # Its connection has waited longer than all of the flood's, and is still there.
        mine = next(one for one in server.guard._members if one.network == "127.0.2.0/24")
        assert (await client.get("/live")).status_code == 200
        assert mine in server.guard._members
    for _, writer in flood:
        writer.close()


async def test_where_all_are_being_answered_a_newcomer_hears_503(server: HttpServer) -> None:
    server.guard._limit = 4
    async with httpx.AsyncClient(base_url=server.url) as client:
        running = [asyncio.create_task(client.get("/slow")) for _ in range(4)]
        await eventually(lambda: all(one.waits_since == inf for one in server.guard._members))
        await eventually(lambda: len(server.guard) == 4)
        refused = await talk(server, b"")
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in refused
        assert [answer.status_code for answer in await asyncio.gather(*running)] == [200] * 4


async def test_a_stop_lets_running_requests_finish_and_takes_no_more(server: HttpServer) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        running = asyncio.create_task(client.get("/slow"))
        await eventually(server.app.state.held.is_set)  # type: ignore[attr-defined]
        await asyncio.wait_for(server.stop(), PATIENCE * 3)
        assert (await running).json() == "done"
        with pytest.raises(httpx.ConnectError):
            await client.get("/live")
