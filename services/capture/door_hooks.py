"""The door for form tools: ``/hooks/{source}``."""

from __future__ import annotations

import re
import secrets as tokens
from datetime import datetime
from typing import Final

from fastapi import Request, Response

from schemas.base import Lane, Motion
from schemas.submission import SubmissionReceived
from services.capture import answers, door_feeds, events
from services.capture.adapters import ADAPTERS, KEPT_HEADERS
from services.capture.adapters.base import (
    Acknowledgement,
    HookRequest,
    Verdict,
    whole,
)
from services.capture.adapters.feeds import Feed, feed
from services.capture.config import Source
from services.capture.door import (
    Doors,
    accept,
    admit,
    durable,
    kept_headers,
    network_header,
    traceparent,
)
from services.capture.limits import SourceLimits
from services.capture.presented import remembered
from services.capture.sourcesfile import Limits
from services.runtime.http import (
    read_body,
    too_many_unproven,
)

_SOURCE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DUMMY_ADAPTER: Final = ADAPTERS["standard_webhooks"]


class HooksDoor:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._limits = SourceLimits()
        self._dummy = [tokens.token_bytes(32)]

    async def receive(self, request: Request, name: str) -> Response:
        now = self._doors.clock()
        source, live = self._source(name)
        limits = source.config.limits if source else Limits()
        hook = await self._hook(request, limits)
        adapter = source.adapter if source else _DUMMY_ADAPTER
        # Nobody's source is checked as well, against a key that nobody has: the time tells nothing.
        verdict = adapter.verify(hook, live or self._dummy, now.timestamp())
        if source is None or not live or verdict is not Verdict.VERIFIED:
            wait = request.app.state.unproven.charge(request.scope)
            if wait > 0:
                raise too_many_unproven(wait)
            why = verdict.value if source and live else "unknown source, or one without a secret"
            kept = _refused(name, hook, source, now, self._doors.key)
            self._doors.unverified.keep(kept, why)
            raise answers.refused(adapter.acknowledgement)
        admit(self._limits, source, request)
        headers = kept_headers(hook.headers, adapter.kept_headers)
        headers |= network_header(request, source, self._doors.key)
        if (told := feed(adapter)) is not None:
            return await self._happened(request, told, hook, source, headers, now)
        config = source.config
        submissions = [
            events.received(
                name, item, headers=headers, lane=config.lane, motion=config.motion, at=now
            )
            for item in adapter.split(hook)
        ]
        acknowledgement = adapter.acknowledgement
        return answers.accepted(
            await accept(self._doors.acceptance, submissions, request, acknowledgement)
        )

    async def _happened(
        self,
        request: Request,
        feed: Feed,
        hook: HookRequest,
        source: Source,
        headers: dict[str, str],
        now: datetime,
    ) -> Response:
        """Takes what a feed tells: events, and now and then a lead."""
        found = door_feeds.sort(feed, hook, source, headers, now, traceparent(request))
        work = self._doors.acceptance.accept(found.inputs)
        accepted = await durable(work, feed.acknowledgement)
        metrics = request.app.state.metrics
        self._doors.heard(source.name, now)
        for outcome, count in found.counts().items():
            metrics.feed_events.labels(source.name, outcome).inc(count)
        submissions = {one.id for one in found.inputs if one.ends}
        return answers.accepted([one for one in accepted if one.submission_id in submissions])

    async def handshake(self, request: Request, name: str) -> Response:
        source, live = self._source(name)
        if source is not None and live:
            token = source.config.verify_token
            known = self._doors.secrets.get(token) or [] if token else live
            found = source.adapter.handshake(await self._hook(request, source.config.limits), known)
            if found is not None:
                return Response(found.body, media_type=found.content_type)
        raise answers.refused(Acknowledgement())

    def _source(self, name: str) -> tuple[Source | None, list[bytes]]:
        """The source of that name, with its live secrets; a source without any proves nothing."""
        source = self._doors.config().sources.get(name)
        if source is None or source.config.secret is None:
            return source, []
        return source, self._doors.secrets.get(source.config.secret) or []

    async def _hook(self, request: Request, limits: Limits) -> HookRequest:
        path = request.scope.get("raw_path", b"").decode("ascii", "replace")
        query = request.scope.get("query_string", b"").decode("ascii", "replace")
        base = (self._doors.public_url or "").rstrip("/")
        return HookRequest(
            method=request.method,
            url=f"{base}{path}?{query}" if query else f"{base}{path}",
            query=request.query_params if query else {},
            headers=request.headers,
            body=await read_body(request, limits.body_bytes),
        )


def _refused(
    name: str, hook: HookRequest, source: Source | None, now: datetime, key: bytes
) -> SubmissionReceived:
    """A request that proved nothing, as it would have been kept had it proven something."""
    kept = source.adapter.kept_headers if source else KEPT_HEADERS
    return events.received(
        name if _SOURCE_NAME.fullmatch(name) else "unknown",
        whole(hook.body),
        headers=kept_headers(hook.headers, kept) | remembered(hook, key),
        lane=source.config.lane if source else Lane.LIVE,
        motion=source.config.motion if source else Motion.INBOUND,
        at=now,
    )
