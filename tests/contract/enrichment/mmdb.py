"""Writes a small MaxMind database (format 2.0, 24-bit records), so that none has to be shipped.

Only what the tests need: IPv4 networks in an IPv4 tree, objects of texts.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

_TEXT, _NUMBER32, _MAP, _NUMBER16, _LIST, _NUMBER64 = 2, 6, 7, 5, 11, 9


def write(path: Path, networks: dict[str, Any]) -> None:
    """A database of networks and what is said of each."""
    nodes: list[list[Any]] = [[None, None]]
    data = b""
    for network, value in networks.items():
        offset = len(data)
        data += _encode(value)
        _put(nodes, ipaddress.IPv4Network(network), ("data", offset))
    count = len(nodes)
    tree = b"".join(_record(one, count) for node in nodes for one in node)
    metadata = {
        "binary_format_major_version": (_NUMBER16, 2),
        "binary_format_minor_version": (_NUMBER16, 0),
        "build_epoch": (_NUMBER64, 1_700_000_000),
        "database_type": "Test-City",
        "description": {"en": "test"},
        "ip_version": (_NUMBER16, 4),
        "languages": ["en"],
        "node_count": (_NUMBER32, count),
        "record_size": (_NUMBER16, 24),
    }
    marker = b"\xab\xcd\xefMaxMind.com"
    path.write_bytes(tree + bytes(16) + data + marker + _encode(metadata))


def _put(nodes: list[list[Any]], network: ipaddress.IPv4Network, value: Any) -> None:
    at = 0
    bits = f"{int(network.network_address):032b}"[: network.prefixlen]
    for bit in bits[:-1]:
        if nodes[at][int(bit)] is None:
            nodes.append([None, None])
            nodes[at][int(bit)] = ("node", len(nodes) - 1)
        at = nodes[at][int(bit)][1]
    nodes[at][int(bits[-1])] = value


def _record(one: Any, count: int) -> bytes:
    match one:
        case None:
            number = count
        case ("node", index):
            number = index
        case ("data", offset):
            number = count + 16 + offset
    return int(number).to_bytes(3, "big")


def _encode(value: Any) -> bytes:
    match value:
        case str():
            raw = value.encode()
            return _control(_TEXT, len(raw)) + raw
        case dict():
            body = b"".join(_encode(key) + _encode(one) for key, one in value.items())
            return _control(_MAP, len(value)) + body
        case list():
            return _control(_LIST, len(value)) + b"".join(map(_encode, value))
        case (kind, number):
            raw = int(number).to_bytes((int(number).bit_length() + 7) // 8, "big")
            return _control(kind, len(raw)) + raw
    raise TypeError(value)


def _control(kind: int, size: int) -> bytes:
    assert size < 29
    return bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
