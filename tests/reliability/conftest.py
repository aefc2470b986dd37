"""What every torment needs."""

from __future__ import annotations

import secrets

import pytest


@pytest.fixture
def run() -> str:
    """Part of every address, so that tests on one installation meet different people."""
    return secrets.token_hex(4)
