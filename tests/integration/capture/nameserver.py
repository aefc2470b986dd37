"""A DNS server on loopback, as a recursive one behaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

ZONE = {
    ("mail.com", "MX"): "10 mx.mail.com.",
    ("null-mx.com", "MX"): "0 .",
    ("only-a.com", "A"): "192.0.2.1",
    ("only-aaaa.com", "AAAA"): "2001:db8::1",
    ("no-records.com", "TXT"): '"x"',
}
NAMES = {name for name, _ in ZONE}


class Nameserver(asyncio.DatagramProtocol):
    """Answers as a recursive server does; ``broken.com`` gets SERVFAIL, ``silent.com`` nothing."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked[name] += 1
        if name == "silent.com":
            return
        answer = dns.message.make_response(query, recursion_available=True)
        value = ZONE.get((name, kind))
        if name == "broken.com":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in NAMES:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif value is not None:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, value))
        self.transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def nameserver() -> AsyncIterator[tuple[Nameserver, str]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Nameserver, local_addr=("127.0.0.1", 0))
    try:
        yield server, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()
