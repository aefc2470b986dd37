"""No address leads into our own network, in whatever spelling."""

from __future__ import annotations

import asyncio
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.runtime.outside import ByName, Forbidden, Outside, is_public
from tests.support.tls import Authority


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2002:a00:1::", "ff02::1", "fec0::1", "192.0.0.8", "::ffff:192.0.0.8",
    ],
)  # fmt: skip
def test_an_address_of_our_own_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"]
)
def test_an_address_of_the_world_is(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/", "http://localhost:1/", "http://2130706433/", "http://0x7f000001/",
        "http://017700000001/", "http://0177.0.0.1/", "http://127.1/", "http://[::1]:1/", "http://[::ffff:7f00:1]:1/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)  # fmt: skip
async def test_no_spelling_of_it_is_asked(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises((Forbidden, OSError)) as refused:
            await Outside(client, (), 2.0).request("POST", url, headers={})
    # A spelling that the resolver does not know is no address at all; none was connected to.
    assert isinstance(refused.value, Forbidden) or "not found" in str(refused.value)


async def test_a_name_is_proven_although_another_at_its_address_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    known = authority.pair("server", "known.example")
    proves = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    proves.load_cert_chain(known.cert, known.key)

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def here(_: str, port: int, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", here)
    believes = ssl.create_default_context(cafile=authority.file)
    server = await asyncio.start_server(answers, "127.0.0.1", 0, ssl=proves)
    async with server, httpx.AsyncClient(transport=ByName(believes)) as client:
        outside = Outside(client, ("127.0.0.1/32",), 5.0)
        port = server.sockets[0].getsockname()[1]
        answer = await outside.request("GET", f"https://known.example:{port}/", headers={})
        assert answer.status == 200
        with pytest.raises(OSError, match="ConnectError"):
            await outside.request("GET", f"https://other.example:{port}/", headers={})
