"""Whom a request comes from: the network of the client, behind the proxies that we trust."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.types import Scope

UNKNOWN: Final = "none"
_V4_PREFIX, _V6_PREFIX = 24, 64
_MAX_HOPS: Final = 20

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """The /24 (IPv4) or /64 (IPv6) around an address: what one sender is likely to hold.

    ``none`` where it is no address.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    prefix = _V4_PREFIX if found.version == 4 else _V6_PREFIX
    return str(ip_network((found, prefix), strict=False))


class Clients:
    """Finds the client of a request."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        """:param trusted: proxies whose ``X-Forwarded-For`` is believed; of all others it is not
        even read, since everybody can write it."""
        self._trusted = tuple(trusted)

    def network(self, scope: Scope) -> str:
        """The network of whoever called the outermost proxy that we trust."""
        client = scope.get("client")
        peer = str(client[0]) if client else ""
        if not self._trusted or not self._is_trusted(peer):
            return network_of(peer)
        for hop in reversed(_forwarded(scope)):
            if not self._is_trusted(hop):
                return network_of(hop)
            peer = hop
        return network_of(peer)

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)


def _forwarded(scope: Scope) -> list[str]:
    """The hops of every ``X-Forwarded-For``, the nearest last."""
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = b",".join(values).decode("latin-1").split(",")[-_MAX_HOPS:]
    return [_without_port(hop.strip()) for hop in hops if hop.strip()]


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
