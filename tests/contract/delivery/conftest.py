"""The other sides of the contract tests: stand-ins on loopback, one of each for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.delivery.sinks.base import Sink
from tests.contract.delivery.sides import Side, closing, sink_of
from tests.support.crms import Org, Portal, listening


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    crm = Portal()
    async with listening(crm):
        yield crm


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    crm = Org()
    async with listening(crm):
        yield crm


@pytest.fixture
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    async with request.param() as it:
        yield it


@pytest.fixture
async def sink(side: Side) -> AsyncIterator[Sink]:
    async with closing(side.registry()) as registry:
        yield sink_of(side, registry)
