"""IPinfo Lite: the country of an address. See docs/providers/ipinfo.md.

The company behind an address is not taken: for most visitors it is their telephone company.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from services.enrichment.providers.contract import (
    Adapter,
    Endpoint,
    Reading,
    Request,
    Subject,
    endpoints,
    field_set,
)

CONFIDENCE = 0.6
"""People travel, and some go out through another country."""


def _ask(about: Subject, _: frozenset[str]) -> Request:
    return Request(f"/lite/{quote(about['ip'], safe=':')}")


def _read(document: Any, _: Subject) -> Reading | None:
    code = document.get("country_code")
    return Reading({"country": code}, CONFIDENCE) if code else None


IPINFO = Adapter(
    address="https://api.ipinfo.io",
    query={"token": "{secret}"},
    calls_per_second=50,
    endpoints=endpoints(
        Endpoint(
            "lite",
            fields=field_set("country"),
            needs=field_set("ip"),
            ask=_ask,
            read=_read,
        ),
    ),
)
