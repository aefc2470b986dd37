"""Free TCP ports that stay free until somebody listens on them."""

from __future__ import annotations

import random
import socket
from contextlib import closing

from services.runtime.embedded.errors import EmbeddedError

# Below the ephemeral range (32768 on Linux): an outgoing connection never takes one of these.
_LOWEST, _HIGHEST = 20000, 32000
# Not the shared generator: who seeds that (tests do) would have every process try the same ports.
_RANDOM = random.SystemRandom()


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
    """A free port below the ephemeral range; raises OSError when there is none."""
    for _ in range(200):
        port = _RANDOM.randint(_LOWEST, _HIGHEST)
        if is_free(port, host):
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {host}")


def choose(port: int, fixed: bool, what: str) -> int:
    """``port`` if it is free; else another, unless somebody insists on it (EmbeddedError)."""
    if port and is_free(port):
        return port
    if fixed:
        raise EmbeddedError(f"port {port} for {what} is in use")
    return free_port()
