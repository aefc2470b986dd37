"""A real browser, headless: Debian's, unpacked by the Makefile, or whichever is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

REQUIRED = "HANDRAISE_REQUIRE_BROWSER"
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # Nothing but loopback is asked, by whatever name.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
    "--remote-debugging-port=0",
)  # fmt: skip


def _unpacked() -> Path:
    cache = Path(os.environ.get("HANDRAISE_CACHE", Path.home() / ".cache/handraise"))
    return cache / "chromium"


@cache
def command() -> tuple[tuple[str, ...], dict[str, str]] | None:
    """How a browser is started here, and with which environment; None where there is none."""
    for name in _NAMES:
        if found := shutil.which(name):
            return (found,), {}
    root = _unpacked()
    binary = root / "usr/lib/chromium/chromium-headless-shell"
    if not binary.exists():
        return None
    folders = [path for path in (root / "usr/lib").glob("*-linux-*") if path.is_dir()]
    libraries = [*folders, *(folder / "pulseaudio" for folder in folders), binary.parent]
    return (str(binary),), {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}


def needed() -> None:
    """Skip where there is no browser; fail where one is required."""
    if command() is None:
        why = "no Chromium here (Debian package chromium-headless-shell)"
        if os.environ.get(REQUIRED):
            pytest.fail(why)
        pytest.skip(why)


@contextmanager
def visiting(url: str) -> Iterator[None]:
    """A new visitor, with a memory of their own, opens a page and stays on it."""
    known = command()
    assert known is not None
    argv, more = known
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [*argv, *_FLAGS, f"--user-data-dir={profile}", url],
            env={**os.environ, **more},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
