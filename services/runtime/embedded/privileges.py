"""Which user a server runs as that refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from services.runtime.embedded.errors import EmbeddedError

_CANDIDATES = ("postgres", "nobody")
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


@dataclass(frozen=True, slots=True)
class RunAs:
    """An unprivileged user, or nobody in particular (``prefix`` empty) when we are not root."""

    uid: int
    gid: int
    prefix: tuple[str, ...]
    """What to put before a command."""

    def own(self, path: Path) -> None:
        """Gives ``path`` to the user."""
        if self.prefix:
            os.chown(path, self.uid, self.gid)


def unprivileged(existing: Path, pdeathsig: str) -> RunAs:
    """The user for a server whose data lie in ``existing`` (its owner, when it is there already).

    As root the command keeps one capability: to pass folders that belong to others, so that data
    may lie below a 0700 folder such as /root. Raises EmbeddedError where root cannot become
    another user.
    """
    if os.geteuid() != 0:
        return RunAs(os.geteuid(), os.getegid(), ())
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedError(
            "Postgres does not run as root and `setpriv` (package util-linux) is not here to "
            "change the user: run as an ordinary user, or give --postgres DSN"
        )
    user = _user(existing)
    caps = _capability()
    return RunAs(
        user.pw_uid,
        user.pw_gid,
        (
            setpriv,
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            f"--inh-caps=-all{caps}",
            f"--ambient-caps=-all{caps}",
            f"--pdeathsig={pdeathsig}",
        ),
    )


def _user(existing: Path) -> pwd.struct_passwd:
    if existing.exists() and existing.stat().st_uid != 0:
        try:
            return pwd.getpwuid(existing.stat().st_uid)
        except KeyError:
            raise EmbeddedError(
                f"{existing} belongs to user {existing.stat().st_uid}, who does not exist here"
            ) from None
    for name in _CANDIDATES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedError("Postgres does not run as root and there is no user `nobody` to run it as")


def _capability() -> str:
    """The smallest capability we hold that lets a user through other people's folders."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            if held >> _DAC_READ_SEARCH & 1:
                return ",+dac_read_search"
            if held >> _DAC_OVERRIDE & 1:
                return ",+dac_override"
    return ""
