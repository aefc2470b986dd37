"""Capture's HTTP application with memory in place of both stores, and a source of each adapter."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

from fastapi import FastAPI

from schemas.base import KindName
from schemas.submission import SubmissionReceived
from services.capture import config, events
from services.capture.acceptance import Acceptance, Accepted
from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import Adapter, HookRequest, SourceView, Verdict
from services.capture.handed import Handed
from services.capture.http import Doors, install
from services.capture.sourcesfile import Limits, SourceConfig
from services.capture.unverified import Unverified
from services.runtime.apikeys import KeyRing, Principal, Scope
from services.runtime.http import create_app
from services.runtime.metrics import Metrics
from tests.fuzz.seeds import ROOT

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PUBLIC = "https://h.example"
KEY = "hr_fuzz_s"
TOKEN_KEY = b"k"
VERIFY_TOKEN = "FUZZ_VERIFY"
_SECRETS = (
    b"a-secret-of-the-fuzzer-of-32-bytes",
    b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
)


@dataclass
class Memory:
    """Stands for both stores: takes everything, keeps what it took last."""

    taken: list[SubmissionReceived] = field(default_factory=list)
    unproven: list[SubmissionReceived] = field(default_factory=list)

    async def known(self, *_: object) -> None:
        return None

    def remembered(self, *_: object) -> None:
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


def application(read: config.CaptureConfig, secrets: dict[str, bytes], memory: Memory) -> FastAPI:
    """The doors, as capture's own process has them."""
    app = create_app("fuzz", metrics=Metrics(), keys=_keys())
    app.state.unproven = _NoLimit()
    live = {variable(name): [secret] for name, secret in secrets.items()}
    doors = Doors(
        lambda: read,
        live | {VERIFY_TOKEN: [b"t"]},
        cast(Acceptance, memory),
        cast(Unverified, memory),
        PUBLIC,
        _nothing_yet,
        lambda: AT,
        key=TOKEN_KEY,
    )
    install(app, doors)
    return app


def secret_for(adapter: Adapter) -> bytes:
    """One that this adapter can sign with."""
    plain = HookRequest("POST", f"{PUBLIC}/hooks/x", {}, {}, b"{}")
    for secret in _SECRETS:
        signed = adapter.sign(plain, secret, AT.timestamp())
        if adapter.verify(signed, [secret], AT.timestamp()) is Verdict.VERIFIED:
            return secret
    raise AssertionError(f"no secret of the fuzzer fits {adapter.name}")


def source(adapter: str) -> str:
    return f"fuzz-{adapter.replace('_', '-')}"


def variable(adapter: str) -> str:
    return f"FUZZ_{adapter.upper()}"


def configuration() -> config.CaptureConfig:
    """The example, and a source for each adapter, with the mapping of one that uses it."""
    example = config.parse({p.name: p.read_text() for p in (ROOT / "deploy/config").glob("*.yaml")})
    sources = dict(example.sources)
    limits = Limits(requests_per_second=100_000)
    sources[config.API] = replace(
        sources[config.API], config=sources[config.API].config.model_copy(update={"limits": limits})
    )
    for name, adapter in ADAPTERS.items():
        like = next((s for s in example.sources.values() if s.adapter.name == name), None)
        made = SourceConfig(
            adapter=name, secret=variable(name), limits=limits, verify_token=VERIFY_TOKEN
        )
        if like is not None:
            changes = {
                "secret": variable(name),
                "limits": limits,
                "verify_token": VERIFY_TOKEN,
            }
            made = like.config.model_copy(update=changes)
        view = like.view if like else SourceView({"email": "email"}, KindName.DEMO_REQUEST)
        sources[source(name)] = config.Source(source(name), made, adapter, view)
    return replace(example, sources=sources)


def _keys() -> KeyRing:
    ring = KeyRing()
    principal = Principal("fuzz", "fuzz", None, frozenset(Scope))
    ring._keys["hr_fuzz"] = (hashlib.sha256(b"s").digest(), principal)
    ring.loaded = True
    return ring
