"""Free TCP ports that stay free until somebody listens on them."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from services.runtime.embedded.errors import EmbeddedError

# Below the ephemeral range (32768 on Linux): an outgoing connection never takes one of these.
_LOWEST, _HIGHEST = 20000, 32000
# Not the shared generator: who seeds that (tests do) would have every process try the same ports.
_RANDOM = random.SystemRandom()
_TRIES = 200
_chosen: set[int] = set()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A free port below the ephemeral range, given to nobody else while this process lives.

    :raises OSError: there is none.
    """
    every = range(_LOWEST, _HIGHEST)
    for port in _RANDOM.sample(every, min(_TRIES, len(every))):
        if port not in _chosen and is_free(port, host) and _reserve(port):
            _chosen.add(port)
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {host}")


def choose(port: int, fixed: bool, what: str) -> int:
    """``port`` if it is free; else another, unless somebody insists on it (EmbeddedError)."""
    if port and is_free(port):
        return port
    if fixed:
        raise EmbeddedError(f"port {port} for {what} is in use")
    return free_port()


def _reserve(port: int) -> bool:
    """Whether no other process of this user has chosen it and may be about to listen there.

    Each port is a byte of one file, locked until its process ends. Seconds pass between a choice
    and the server that listens, and two installations that start together would meet.
    """
    file = _reservations()
    if file is None:
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache  # closed, it would give back every port of this process
def _reservations() -> int | None:
    """The file; None where there is nowhere to keep one."""
    path = Path(tempfile.gettempdir()) / f"handraise-ports-{os.getuid()}"
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
