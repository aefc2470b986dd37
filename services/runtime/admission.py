"""What every request passes before its route: how many are worked on, how large a body may be.

Also how often one network may fail to prove itself. What is proven is never refused for what
others of its network did: behind a proxy that nobody declared, all of them are one network.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from services.runtime.buckets import Buckets
from services.runtime.networks import Clients
from services.runtime.problems import Problem

MAX_BODY: Final = 65_536
"""Bytes, where an application says nothing else (``app.state.max_body``)."""
WORKING: Final = 1_000
"""Requests that are read and not answered; beyond it newcomers hear 503."""
_UNPROVEN_PER_S: Final = 20.0
_UNPROVEN_BURST: Final = 200.0


class Unproven:
    """The budget of requests without a valid key or signature, per network."""

    def __init__(self, clients: Clients, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._clock = clock
        self._buckets = Buckets()

    def charge(self, scope: Scope) -> float:
        """Count one more; 0 while the network is within its budget, else seconds to wait."""
        now = self._clock()
        network = self._clients.network(scope)
        bucket = self._buckets.get(network, _UNPROVEN_PER_S, now, _UNPROVEN_BURST)
        wait = bucket.wait(now)
        bucket.spend(now)
        return wait


class Admission:
    """Counts what is worked on, and bounds bodies while they stream in."""

    def __init__(self, limit: int = WORKING) -> None:
        self._limit = limit
        self.working = 0

    def full(self) -> Problem | None:
        """503 while too many requests wait for their answers."""
        if self.working < self._limit:
            return None
        retry = {"Retry-After": "1", "Connection": "close"}
        return Problem(503, "Busy", "Too many requests are being worked on.", headers=retry)


MoreHeaders = Callable[[Scope], Sequence[tuple[bytes, bytes]]]
"""What belongs onto the answer of a request, whoever makes it."""


class Exchange:
    """One request on its way in, and its answer on the way out."""

    def __init__(
        self,
        admission: Admission,
        scope: Scope,
        receive: Receive,
        send: Send,
        limit: int,
        more: MoreHeaders,
    ) -> None:
        """:param limit: bytes of the body."""
        self._admission = admission
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limit = limit
        self._more = more
        self.status = 0
        """Of the answer; 0 while there is none."""
        self._size = 0
        self._counted = False
        self._refused = False

    async def receive(self) -> Message:
        """As ASGI's; answers 413 by itself, and then is as if the client had gone."""
        if self._refused:
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            await self._refuse()
            return {"type": "http.disconnect"}
        if not message.get("more_body") and not self._counted:
            self._counted = True
            self._admission.working += 1
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """As ASGI's; silent once the body was refused."""
        if self._refused:
            return _silence()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if more := self._more(self._scope):
                message = {**message, "headers": [*message.get("headers", ()), *more]}
        return self._send(message)

    def done(self) -> None:
        """The request is answered."""
        if self._counted:
            self._counted = False
            self._admission.working -= 1

    async def _refuse(self) -> None:
        # A framework that reads the body for us would turn an exception of ours into a 400.
        closing = {"Connection": "close"}
        large = Problem(413, "Too large", f"The limit is {self._limit} bytes.", headers=closing)
        await large.response()(self._scope, self._receive, self.send)
        self._refused = True


async def _silence() -> None:
    return None
