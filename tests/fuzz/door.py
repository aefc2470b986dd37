"""Capture's HTTP application with memory in place of both stores; judges what comes out of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from schemas.base import KindName
from schemas.lead import Lead
from schemas.submission import SubmissionReceived
from services.capture import config, events
from services.capture.acceptance import Acceptance, Accepted
from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import Adapter, HookRequest, SourceView, Verdict
from services.capture.handed import Handed
from services.capture.http import Doors, router
from services.capture.interpret import interpret
from services.capture.normalize import Draft
from services.capture.people import tokens_of
from services.capture.sourcesfile import Limits, SourceConfig
from services.capture.unverified import Unverified
from services.kernel.identity import account_key
from services.runtime.apikeys import KeyRing, Principal, Scope
from services.runtime.http import create_app
from services.runtime.metrics import Metrics
from tests.fuzz.mutations import Dice, Shot, mutate

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SLOW_S = 1.0
PUBLIC = "https://h.example"
_KEY = "hr_fuzz_s"
_CHUNK = 20_000
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped NUL, which is another thing than the escape of a backslash before ``u0000``."""
_SECRETS = (
    b"a-secret-of-the-fuzzer-of-32-bytes",
    b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
)
_FORM = {
    "kind": "demo_request", "email": "dana@northwind.example", "phone": "+4930901820",
    "country": "DE", "form_id": "f", "page_url": "https://x.example/?utm_source=a&gclid=b",
    "referrer": "https://www.google.com/", "utm": {"source": "g", "medium": "cpc"},
    "click_ids": {"gclid": "x"}, "fields": {"a": "b"}, "submitted_at": "2026-11-23T08:00:00Z",
    "consent": [{"purpose": "contact", "channel": "email", "basis": "consent"}],
    "external_id": "4711", "test": False, "first_name": "Zoë", "message": "We are 40.",
}  # fmt: skip
_MORE_SEEDS: dict[str, list[dict[str, Any]]] = {
    "api": [_FORM],
    "standard_webhooks": [
        {"type": "lead.created", "timestamp": "2026-11-23T08:00:00Z", "data": _FORM}
    ],
    "typeform": [
        {
            "event_id": "e",
            "event_type": "form_response",
            "form_response": {
                "form_id": "f",
                "token": "t",
                "submitted_at": "2026-11-20T10:02:30Z",
                "hidden": {"utm_source": "newsletter", "page_url": "https://x.example/"},
                "answers": [
                    {"type": "email", "email": "d@n.example", "field": {"id": "1", "ref": "email"}},
                    {"type": "choice", "choice": {"label": "201-500"}, "field": {"ref": "size"}},
                    {"type": "choices", "choices": {"labels": ["a"]}, "field": {"ref": "tools"}},
                ],
            },
        }
    ],
}


class Found(AssertionError):
    """An answer, an exception or a delay that no input may cause."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    media_type: str
    body: bytes


@dataclass
class Memory:
    """Stands for both stores: takes everything, keeps what it took last."""

    taken: list[SubmissionReceived] = field(default_factory=list)
    unproven: list[SubmissionReceived] = field(default_factory=list)

    async def known(self, *_: object) -> None:
        return None

    async def accept_all(
        self, submissions: Sequence[SubmissionReceived], traceparent: str | None
    ) -> list[Accepted]:
        for event in submissions:
            events.submission_output(event, traceparent)
        self.taken += submissions
        return [Accepted(event.submission_id, duplicate=False) for event in submissions]

    async def accept(self, inputs: Sequence[Handed]) -> list[Accepted]:
        """A feed's: what happened, and what is a submission none the less."""
        for one in inputs:
            if one.ends:
                self.taken.append(SubmissionReceived.read(one.output.value or b""))
        return [Accepted(one.id, duplicate=False) for one in inputs]

    def keep(self, submission: SubmissionReceived, why: str) -> None:
        submission.encode()
        self.unproven.append(submission)


async def _nothing_yet(*_: object) -> None:
    return None


class _NoLimit:
    def charge(self, _: object) -> float:
        return 0.0


class Door:
    """Every adapter of the registry behind ``/hooks/fuzz-<adapter>``, and ``/v1/leads``."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.memory = Memory()
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0
        self.secrets = {name: _secret(adapter) for name, adapter in ADAPTERS.items()}
        self.seeds = {name: list(_seeds(name)) for name in ADAPTERS}
        self.config = _config()
        self.app = create_app("fuzz", metrics=Metrics(), keys=_keys())
        self.app.state.unproven = _NoLimit()
        doors = Doors(
            lambda: self.config,
            {_variable(name): [secret] for name, secret in self.secrets.items()},
            cast(Acceptance, self.memory),
            cast(Unverified, self.memory),
            PUBLIC,
            _nothing_yet,
            lambda: AT,
        )
        self.app.include_router(router(doors, self.app.state.hot))

    def close(self) -> None:
        self.loop.close()

    def try_one(self, adapter: str, dice: Dice) -> None:
        """A mutated example of an adapter, through the door and through the consumer's reading.

        :raises Found: with the request.
        """
        seeds = self.seeds[adapter] or [(b"{}", {"content-type": "application/json"})]
        body, headers = dice.one(seeds)
        self.shoot(adapter, mutate(body, headers, dice))

    def shoot(self, adapter: str, shot: Shot) -> Answer:
        """Send one request and judge all that comes of it.

        :raises Found: a 5xx, an exception, an error that is no problem document, or a second.
        """
        self.memory.taken.clear()
        self.memory.unproven.clear()
        request = self._request(adapter, shot)
        began = time.thread_time()  # of ours: what else the machine does is not the input's fault
        try:
            answer = self.loop.run_until_complete(self._ask(request))
            self._judge(answer)
            for event in self.memory.taken:
                self.counts[self._read(event)] += 1
        except Exception as error:
            raise Found(
                f"{adapter}: {type(error).__name__}: {error}; {request.headers} {request.url}"
                f" {request.body[:2000]!r}"
            ) from error
        spent = time.thread_time() - began
        self.slowest = max(self.slowest, spent)
        if spent > SLOW_S:
            raise Found(f"{adapter}: took {spent:.2f} s: {request.headers} {request.body[:500]!r}")
        self.counts[str(answer.status)] += 1
        return answer

    def _request(self, name: str, shot: Shot) -> HookRequest:
        if name == "api":
            headers = shot.headers | {"authorization": f"Bearer {_KEY}"}
            request = HookRequest("POST", f"{PUBLIC}/v1/leads", shot.query, headers, shot.body)
        else:
            url = f"{PUBLIC}/hooks/{_source(name)}"
            plain = HookRequest("POST", url, {}, shot.headers, shot.body)
            request = ADAPTERS[name].sign(plain, self.secrets[name], AT.timestamp())
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

    async def _ask(self, request: HookRequest) -> Answer:
        path = request.url.removeprefix(PUBLIC).partition("?")[0]
        headers = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "https",
            "method": request.method, "path": path, "raw_path": path.encode(), "root_path": "",
            "query_string": urlencode(request.query).encode(), "headers": headers,
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

    def _judge(self, answer: Answer) -> None:
        assert answer.status < 500, f"answered {answer.status}: {answer.body[:300]!r}"
        document = json.loads(answer.body)
        if answer.status == 200:
            assert document["status"] in ("accepted", "duplicate")
        else:
            assert answer.media_type == "application/problem+json"
            assert document["status"] == answer.status

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


def _secret(adapter: Adapter) -> bytes:
    """One that this adapter can sign with."""
    plain = HookRequest("POST", f"{PUBLIC}/hooks/x", {}, {}, b"{}")
    for secret in _SECRETS:
        signed = adapter.sign(plain, secret, AT.timestamp())
        if adapter.verify(signed, [secret], AT.timestamp()) is Verdict.VERIFIED:
            return secret
    raise AssertionError(f"no secret of the fuzzer fits {adapter.name}")


def _source(adapter: str) -> str:
    return f"fuzz-{adapter.replace('_', '-')}"


def _variable(adapter: str) -> str:
    return f"FUZZ_{adapter.upper()}"


def _config() -> config.CaptureConfig:
    """The example, and a source for each adapter, with the mapping of one that uses it."""
    example = config.parse({p.name: p.read_text() for p in (ROOT / "deploy/config").glob("*.yaml")})
    sources = dict(example.sources)
    limits = Limits(requests_per_second=100_000)
    sources[config.API] = replace(
        sources[config.API], config=sources[config.API].config.model_copy(update={"limits": limits})
    )
    for name, adapter in ADAPTERS.items():
        like = next((s for s in example.sources.values() if s.adapter.name == name), None)
        made = SourceConfig(adapter=name, secret=_variable(name), limits=limits)
        if like is not None:
            changes = {"secret": _variable(name), "limits": limits}
            made = like.config.model_copy(update=changes)
        view = like.view if like else SourceView({"email": "email"}, KindName.DEMO_REQUEST)
        sources[_source(name)] = config.Source(_source(name), made, adapter, view)
    return replace(example, sources=sources)


def _keys() -> KeyRing:
    ring = KeyRing()
    principal = Principal("fuzz", "fuzz", None, frozenset({Scope.LEADS_WRITE}))
    ring._keys["hr_fuzz"] = (hashlib.sha256(b"s").digest(), principal)
    ring.loaded = True
    return ring


def _seeds(adapter: str) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Bodies with their content types: the committed examples, good and bad, and some more."""
    for form in _MORE_SEEDS.get(adapter, []):
        yield json.dumps(form).encode(), {"content-type": "application/json"}
    for path in sorted((ROOT / "schemas/examples/sources" / adapter).glob("*/*")):
        body = path.read_bytes()
        yield body, {"content-type": content_type(body)}


def content_type(body: bytes) -> str:
    """What the sender of such a body would say that it is."""
    first = body.partition(b"\n")[0].strip()
    if first.startswith(b"--"):
        return f"multipart/form-data; boundary={first[2:].decode('ascii', 'replace')}"
    if b"=" in first and not first.startswith((b"{", b"[")):
        return "application/x-www-form-urlencoded"
    return "application/json"
