"""Connections with the deadlines and bounds that uvicorn lacks.

uvicorn waits for a request as long as its client likes: any byte resets its only clock. Here a
connection has until a fixed time to send its headers, then its body, and to take its answer; the
number of connections is bounded, and a newcomer beyond it takes the place of whoever has kept us
waiting longest, first of a network that holds more than its share.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import math
from collections import Counter
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.runtime.networks import network_of

HEADER_SECONDS: Final = 5.0
"""From the connection, or from the first byte of a further request, to the end of its headers."""
BODY_SECONDS: Final = 8.0
"""From the end of the headers to that of the body; later than the answer 408 of a reading route."""
WRITE_SECONDS: Final = 10.0
"""How long a client may leave an answer lying."""
IDLE_SECONDS: Final = 75.0
"""Between an answer and the first byte of the next request."""
HEADER_BYTES: Final = 32_768
_TOO_LARGE: Final = "headers too large"
"""The parser turns it into a 400 and a close."""
PIPELINED: Final = 16
"""Requests that may follow on a connection before the first is answered."""
CONNECTIONS: Final = 4_096
_SHARE: Final = 8
"""A network with more than this part of all connections is the first to lose some."""
_MAKE_ROOM: Final = 32
"""Part of the limit that is freed at once, so that a flood does not cost a search each time."""
_SWEEP_SECONDS: Final = 0.25
_CUT_AT_ONCE: Final = 8
_CUT_APART_SECONDS: Final = 0.008
"""Who is cut often comes again at once. A crowd that came together would go on leaving and coming
together, and everybody else's request would wait behind two thousand new connections."""


class Guard:
    """Knows every connection of one server; cuts the late ones and makes room for new ones."""

    def __init__(self, limit: int = CONNECTIONS) -> None:
        self._limit = limit
        self._members: set[GuardedProtocol] = set()
        self._networks: Counter[str] = Counter()
        self.refused = 0
        """Connections that found no room."""
        self.cut = 0
        """Connections that were ended for being late, or for another's sake."""

    def __len__(self) -> int:
        return len(self._members)

    def admit(self, one: GuardedProtocol) -> bool:
        """Take a connection in; False where all the others are being answered."""
        if len(self._members) >= self._limit and not self._make_room():
            self.refused += 1
            return False
        self._members.add(one)
        self._networks[one.network] += 1
        return True

    def forget(self, one: GuardedProtocol) -> None:
        """The connection has ended."""
        if one in self._members:
            self._members.discard(one)
            self._networks[one.network] -= 1
            if not self._networks[one.network]:
                del self._networks[one.network]

    async def run(self) -> None:
        """Cut what is late, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = loop.time()
            late = [one for one in self._members if one.late(now)]
            for start in range(0, len(late), _CUT_AT_ONCE):
                some = late[start : start + _CUT_AT_ONCE]
                self._cut([one for one in some if one in self._members and one.late(loop.time())])
                await asyncio.sleep(_CUT_APART_SECONDS)

    def _make_room(self) -> int:
        waiting = [one for one in self._members if one.waits_since < math.inf]
        share = self._limit // _SHARE
        enough = max(1, self._limit // _MAKE_ROOM)
        chosen = heapq.nsmallest(
            enough,
            waiting,
            key=lambda one: (self._networks[one.network] <= share, one.waits_since),
        )
        return self._cut(chosen)

    def _cut(self, chosen: list[GuardedProtocol]) -> int:
        for one in chosen:
            self.forget(one)
            one.end()
        self.cut += len(chosen)
        return len(chosen)


class GuardedProtocol(HttpToolsProtocol):
    """One connection; knows until when its client must have done its part."""

    network = "none"
    waits_since = math.inf
    """Since when we wait for the client; infinite while it waits for us."""
    _due = math.inf
    _write_due = math.inf
    _header_bytes = 0
    _idle = False
    """Between an answer and the next request."""

    def __init__(self, guard: Guard, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def late(self, now: float) -> bool:
        """Whether the client has had its time."""
        return min(self._due, self._write_due) <= now

    def end(self) -> None:
        """Close; what the client has left lying is thrown away."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.close()

    # -- the connection --------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.network = network_of(self.client[0]) if self.client else "none"
        self.waits_since = self.loop.time()
        self._due = self.waits_since + HEADER_SECONDS
        if not self._guard.admit(self):
            self._answer(503, "There are too many connections.", "retry-after: 1\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._idle:
            # Any byte: line ends between requests begin no message.
            self._idle, self._due = False, self.loop.time() + HEADER_SECONDS
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_due = self.loop.time() + WRITE_SECONDS

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_due = math.inf

    # -- the parser ------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        if self._due == math.inf:
            self._due = self.loop.time() + HEADER_SECONDS

    def on_url(self, url: bytes) -> None:
        self._header_bytes += len(url)
        if self._header_bytes > HEADER_BYTES:
            raise ValueError(_TOO_LARGE)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # All of what uvicorn's does, without the call of it: every request has ten of these.
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES:
            raise ValueError(_TOO_LARGE)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= PIPELINED:
            raise ValueError("too many requests ahead of their answers")  # becomes a 400
        self._due = self.loop.time() + BODY_SECONDS
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._due = self.waits_since = math.inf
        if self.cycle.response_complete:  # to a request whose body was not waited for
            self.waits_since = self.loop.time()
            self._rest()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        # All of what uvicorn's does, but that an idle connection has no timer of its own: the
        # guard looks for it as for everybody who is late.
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            elif self._due == math.inf:  # nothing of a next request is there yet
                self._rest()
        if self.cycle.response_complete:  # of the latest request, which may be another
            self.waits_since = min(self.waits_since, self.loop.time())

    def _rest(self) -> None:
        self._idle, self._due = True, self.loop.time() + IDLE_SECONDS

    def send_400_response(self, msg: str) -> None:
        self._answer(400, msg)

    def _answer(self, status: int, detail: str, headers: str = "") -> None:
        """A problem document outside of any request, and the end of the connection."""
        title = HTTPStatus(status).phrase
        document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        body = json.dumps(document)
        head = (
            f"HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\n{headers}connection: close\r\n\r\n"
        )
        self.transport.write((head + body).encode())
        self.transport.close()
