"""The CRMs of the contract tests: stand-ins on loopback, one of each for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

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
