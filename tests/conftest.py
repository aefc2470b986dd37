"""Loads the fixtures of tests/support."""

from __future__ import annotations

pytest_plugins = [
    "tests.support.kafka",
    "tests.support.postgres",
    "tests.support.plugin",
]
