"""The broker for trying things: librdkafka's mock cluster in a process of its own.

It speaks the Kafka protocol to any client, is up in a tenth of a second, keeps at most 5 MB per
partition in memory and forgets everything when it ends. Never for production, never for proof of
loss. ``python -m services.runtime.embedded.broker`` prints its address and lives until its standard
input closes.
"""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Producer

from services.runtime.embedded.errors import EmbeddedError

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0


class EmbeddedBroker:
    """The mock cluster, ended with its owner. A new start has a new address and nothing in it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def start(self) -> str:
        """Starts it and returns ``host:port``; raises EmbeddedError when it does not come up."""
        self.stop()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.runtime.embedded.broker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], _START_SECONDS)
        self.address = out.readline().decode().strip() if ready else ""
        if not self.address:
            self.stop()
            raise EmbeddedError(f"the embedded broker did not start (log: {self._log})")
        return self.address

    def stop(self) -> None:
        """Ends it; whatever was in it is gone."""
        if self._process is None:
            return
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def running(self) -> bool:
        """Whether it is still there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process, for whoever wants to kill it."""
        return self._process.pid if self._process else None


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The mock cluster lives inside the client that asked for it, as long as the client does.
    client = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "replaced.invalid:1"})
    brokers = client.list_topics(timeout=_START_SECONDS).brokers
    first = next(iter(brokers.values()))
    print(f"{first.host}:{first.port}", flush=True)
    while sys.stdin.buffer.read(4096):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
