"""Stand-ins of HubSpot and Salesforce that keep records, check what they are sent and refuse as the
vendors document it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime.server import serve
from tests.support.hubspot import Portal
from tests.support.salesforce import Org

__all__ = ["Org", "Portal", "listening"]


@asynccontextmanager
async def listening(crm: Portal | Org) -> AsyncIterator[None]:
    """Its address is in ``url`` until the block ends."""
    server = await serve(crm.application(), "127.0.0.1", 0)
    crm.url = server.url
    try:
        yield
    finally:
        async with asyncio.timeout(10):
            await server.stop(0.5)
