"""Who runs a command, for the record of what it changed."""

from __future__ import annotations

import getpass
import os


def operator() -> str:
    """The login; in a container whose user has no name, its number."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # KeyError before Python 3.13
        return f"uid {os.getuid()}"
