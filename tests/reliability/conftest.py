"""What every torment needs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.support.pipeline import Pipeline, on_apache


@pytest.fixture(scope="package")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """``up --kafka apache``, shared by the tests of this folder: use leads of your own."""
    with on_apache(tmp_path_factory) as started:
        yield started


@pytest.fixture
def run() -> str:
    """Part of every address, so that tests on one installation meet different people."""
    return secrets.token_hex(4)
