"""HTTP to addresses that somebody configured: no request reaches our own network by them.

The name is resolved once, every address is judged, and the connection goes to the very address that
was judged, so that a name which answers differently the second time gains nothing. Redirects are
not followed, answers are read up to a bound.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

import httpx
from pydantic_core import from_json

MOST_BYTES: Final = 65_536
WHOLE_BYTES: Final = 16 * 1024 * 1024
"""Of an answer that is data, a page of 2,000 records, say."""
_NAT64: Final = ip_network("64:ff9b::/96")
_LEFT_OUT: Final = (ip_network("fec0::/10"), ip_network("192.0.0.0/24"))
"""Site-local, which older networks still use, and what some releases of Python count in part."""

Address = IPv4Address | IPv6Address


class Forbidden(Exception):
    """The address is none that we send to; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object of the body; an empty one for anything else."""
        try:
            said = from_json(self.body)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    @property
    def retry_after_s(self) -> float | None:
        """Seconds of ``Retry-After``; dates are not used by whom we know."""
        text = self.headers.get("retry-after", "")
        try:
            return max(0.0, float(text))
        except ValueError:
            return None


def is_public(address: Address) -> bool:
    """Whether an address lies outside every private, local and reserved range, however written."""
    inner: Address | None = None
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    if any(address.version == one.version and address in one for one in _LEFT_OUT):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _address_of(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Forbidden("the address is none that can be asked") from error


class ByName(httpx.AsyncBaseTransport):
    """Keeps connections apart by the name that they were opened for.

    We connect to addresses, and by these httpx would choose a connection: one on which another name
    of the same address (of a content network, say) was proven.
    """

    def __init__(self, verify: ssl.SSLContext | None = None) -> None:
        """:param verify: whom to believe; None: the usual authorities."""
        self._verify = verify or httpx.create_ssl_context(trust_env=False)
        self._of: dict[str, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = str(request.extensions["sni_hostname"])
        if name not in self._of:
            self._of[name] = httpx.AsyncHTTPTransport(verify=self._verify)
        return await self._of[name].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._of.values():
            await transport.aclose()


class Outside:
    """A client of one purpose: a sink, a person's calendar."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        allowed: Sequence[str],
        timeout_s: float,
        whole: int | None = None,
    ) -> None:
        """:param client: its transport is :class:`ByName` where it is asked for several names.
        :param allowed: private networks that may be reached all the same.
        :param whole: answers are read to their end, and one of more bytes than this is a failure;
            None: they are read up to 64 KiB, and what follows does not matter.
        """
        self._client = client
        self._allowed = [ip_network(network) for network in allowed]
        self._timeout_s = timeout_s
        self._whole = whole

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """One request, without redirects.

        :raises Forbidden: before anything is sent.
        :raises TimeoutError: no whole answer within the time-out.
        :raises OSError: not reached, or cut off.
        """
        async with asyncio.timeout(self._timeout_s):
            target = _address_of(url)
            address = await self._resolve(target)
            return await self._ask(method, target, address, headers, body)

    async def _resolve(self, url: httpx.URL) -> Address:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                url.host, url.port or {"https": 443}.get(url.scheme, 80), type=socket.SOCK_STREAM
            )
        except (socket.gaierror, UnicodeError) as error:
            raise OSError(f"{url.host} is not found") from error
        addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        bad = [one for one in addresses if not self._may_reach(one)]
        if bad or not addresses:
            raise Forbidden(f"{url.host} leads into a private network")
        return addresses[0]

    def _may_reach(self, address: Address) -> bool:
        return is_public(address) or any(
            address.version == network.version and address in network for network in self._allowed
        )

    async def _ask(
        self,
        method: str,
        url: httpx.URL,
        address: Address,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        request = self._client.build_request(
            method,
            url.copy_with(host=str(address)),
            headers={**headers, "host": url.netloc.decode(), "accept-encoding": "identity"},
            content=body,
            extensions={"sni_hostname": url.host},
        )
        try:
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                return Answer(response.status_code, await self._read(response), response.headers)
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise TimeoutError(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise OSError(type(error).__name__) from error

    async def _read(self, response: httpx.Response) -> bytes:
        body, most = bytearray(), self._whole or MOST_BYTES
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > most:
                if self._whole is not None:
                    raise OSError(f"the answer has more than {most} bytes")
                break
        return bytes(body[:most])
