"""Addresses of a Postgres, as people give them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

DSN: Final = (
    "postgresql://user:password@host:port/database, @, / and # of a password percent-encoded"
)
"""What one looks like."""


def is_dsn(text: str) -> bool:
    """Whether it is the address of a Postgres, of one host or of several."""
    try:
        parts = urlsplit(text)
        hosts = parts.netloc.rpartition("@")[2].split(",")
        ports = [urlsplit(f"//{host}").port for host in hosts]
    except ValueError:  # its text may hold the password
        return False
    return parts.scheme in ("postgresql", "postgres") and 0 not in ports


def redact(dsn: str) -> str:
    """A DSN without its password, wherever it stands in it."""
    parts = urlsplit(dsn)
    place = parts.netloc
    if "@" in place:
        credentials, _, host = place.rpartition("@")
        user, colon, _ = credentials.partition(":")
        place = f"{user}{':***' if colon else ''}@{host}"
    query = re.sub(r"(?i)((?:ssl)?password=)[^&]*", r"\1***", parts.query)
    return urlunsplit((parts.scheme, place, parts.path, query, ""))
