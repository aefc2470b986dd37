"""Sends made-up requests to every door of capture, and judges all that comes of them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode
from uuid import UUID

from schemas.lead import Lead
from schemas.submission import SubmissionReceived
from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import HookRequest
from services.capture.config import API
from services.capture.interpret import interpret
from services.capture.normalize import Draft
from services.capture.people import tokens_of
from services.capture.standing import token
from services.kernel.identity import account_key
from tests.fuzz.installation import (
    AT,
    KEY,
    PUBLIC,
    TOKEN_KEY,
    Memory,
    application,
    configuration,
    secret_for,
    source,
)
from tests.fuzz.mutations import Dice, Shot, mutate
from tests.fuzz.seeds import HANDSHAKES, SUBMISSION, seeds

SLOW_S = 1.0
PATHS: Final = {
    "api": "/v1/leads",
    "activities": "/v1/activities",
    "signals": "/v1/signals",
    "prospects": "/v1/prospects",
    "submission": "/v1/submissions/",
}
DOORS: Final = tuple(sorted({*ADAPTERS, *PATHS, *HANDSHAKES}))
"""What can be shot at: each adapter's hook, each route under ``/v1``, each vendor's question."""
_CHUNK = 20_000
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped NUL, which is another thing than the escape of a backslash before ``u0000``."""


class Found(AssertionError):
    """An answer, an exception or a delay that no input may cause."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    media_type: str
    body: bytes


class Door:
    """Every adapter of the registry behind ``/hooks/fuzz-<adapter>``, and all of ``/v1``."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.memory = Memory()
        self.answers: Counter[tuple[str, int]] = Counter()
        """By door and status."""
        self.ends: Counter[str] = Counter()
        """What the consumer made of what was accepted."""
        self.slowest: dict[str, float] = {}
        """By door, in seconds of our own processor time."""
        self.secrets = {name: secret_for(adapter) for name, adapter in ADAPTERS.items()}
        self.seeds = {name: list(seeds(name)) for name in DOORS}
        self.config = configuration()
        self.app = application(self.config, self.secrets, self.memory)

    def close(self) -> None:
        self.loop.close()

    def try_one(self, door: str, dice: Dice) -> None:
        """A mutated example of a door, through it and through the consumer's reading.

        :raises Found: with the request.
        """
        body, headers = dice.one(self.seeds[door] or [(b"{}", {})])
        self.shoot(door, mutate(body, headers, dice))

    def shoot(self, door: str, shot: Shot) -> Answer:
        """Send one request and judge all that comes of it.

        :raises Found: a 5xx, an exception, an error that is no problem document, or a second.
        """
        self.memory.taken.clear()
        self.memory.unproven.clear()
        request = self._request(door, shot)
        began = time.thread_time()  # of ours: what else the machine does is not the input's fault
        try:
            answer = self.loop.run_until_complete(self._ask(request))
            _judge(request, answer)
            for event in self.memory.taken:
                self.ends[self._read(event)] += 1
        except Exception as error:
            raise Found(
                f"{door}: {type(error).__name__}: {error}; {request.headers} {request.url}"
                f" {request.body[:2000]!r}"
            ) from error
        spent = time.thread_time() - began
        self.slowest[door] = max(self.slowest.get(door, 0.0), spent)
        if spent > SLOW_S:
            raise Found(f"{door}: took {spent:.2f} s: {request.headers} {request.body[:500]!r}")
        self.answers[door, answer.status] += 1
        return answer

    def _request(self, door: str, shot: Shot) -> HookRequest:
        request = self._plain(door, shot)
        after = dict(shot.after)
        noise = after.pop("*", None)
        if noise is not None:
            after |= dict.fromkeys(set(request.headers) - {"content-type"}, noise)
        return replace(
            request,
            headers={**request.headers, **after},
            query={**request.query, **shot.query},
            body=request.body + shot.tail,
        )

    def _plain(self, door: str, shot: Shot) -> HookRequest:
        """As a client would send it, signed."""
        if door in HANDSHAKES:
            url = f"{PUBLIC}/hooks/{source(door.partition('-')[2])}"
            query = dict(parse_qsl(shot.body.decode("latin-1"), keep_blank_values=True))
            return HookRequest("GET", url, query, shot.headers, b"")
        if door == "submission":
            shown = token(API, UUID(SUBMISSION), TOKEN_KEY)
            url = f"{PUBLIC}{PATHS[door]}{quote(shot.body, safe='')}"
            headers = shot.headers | {"authorization": f"Bearer {shown}"}
            return HookRequest("GET", url, shot.query, headers, b"")
        if door in PATHS:
            headers = shot.headers | {"authorization": f"Bearer {KEY}"}
            return HookRequest("POST", f"{PUBLIC}{PATHS[door]}", shot.query, headers, shot.body)
        plain = HookRequest("POST", f"{PUBLIC}/hooks/{source(door)}", {}, shot.headers, shot.body)
        return ADAPTERS[door].sign(plain, self.secrets[door], AT.timestamp())

    async def _ask(self, request: HookRequest) -> Answer:
        path = request.url.removeprefix(PUBLIC).partition("?")[0]
        headers = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ]
        query = urlencode(request.query, errors="replace").encode()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "https",
            "method": request.method, "path": unquote(path), "raw_path": path.encode(),
            "root_path": "", "query_string": query, "headers": headers,
            "client": ("192.0.2.1", 1), "server": ("h.example", 443), "state": {},
        }  # fmt: skip
        sent: list[Any] = []
        size = len(request.body)
        at = 0

        async def receive() -> dict[str, Any]:
            nonlocal at
            part, at = request.body[at : at + _CHUNK], at + _CHUNK
            return {"type": "http.request", "body": part, "more_body": at < size}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], answered.get("content-type", ""), body)

    def _read(self, event: SubmissionReceived) -> str:
        """As the consumer does, from the bytes on the bus."""
        event = SubmissionReceived.read(event.encode())
        assert event.delivery_key.isprintable()
        assert 0 < len(event.delivery_key) <= 300
        found: Any = interpret(event, self.config)
        if not isinstance(found, Draft):
            return str(getattr(found, "reason", type(found).__name__))
        tokens = tokens_of(
            found.who, secret=b"s", source=event.source, delivery_key=event.delivery_key
        )
        lead = Lead(
            lead_id=tokens.all[0],
            account_key=account_key(found.who.email, tokens.all[0]),
            **found.values,
        ).encode()
        assert not _NUL.search(lead)
        assert len(lead) < 600_000
        return "lead"


def _judge(request: HookRequest, answer: Answer) -> None:
    assert answer.status < 500, f"answered {answer.status}: {answer.body[:300]!r}"
    if request.method == "GET" and answer.status == 200 and "/hooks/" in request.url:
        assert len(answer.body) < 2_000  # a challenge, in the vendor's own form
        return
    document = json.loads(answer.body)
    if answer.status != 200:
        assert answer.media_type == "application/problem+json", answer.media_type
        assert document["status"] == answer.status
    elif "/v1/prospects" in request.url:
        assert set(document) == {"accepted", "duplicate", "invalid", "results"}
    elif request.method == "GET":
        assert document["status"] == "received"
    else:
        assert document["status"] in ("accepted", "duplicate")
