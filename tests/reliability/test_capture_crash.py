"""Capture dies between acceptance and answer; the sender comes again: nothing lost or twice."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

import pytest

from tests.support.pipeline import Pipeline, member
from tests.support.storms import die_before_the_answer, die_in_flight
from tests.support.traffic import API, WEBSITE, Request, ask, padded, traffic
from tests.support.world import World, world

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(600)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into Linux's sockets")
@pytest.mark.parametrize("source", [API, WEBSITE])
async def test_durable_and_not_answered_is_in_once_after_the_retry(
    pipeline: Pipeline, run: str, source: str
) -> None:
    async with world(pipeline) as outside:
        request = padded(ask(run, 1, f"kim@crash-{source}-{run}.example", source))
        with member(pipeline, "capture") as extra:
            answer = await die_before_the_answer(outside, extra, request)
            assert answer.status is None, "capture answered before it died"
            # Nobody was told, and yet it is in: from here on it must not get lost.
            await outside.bus.first("submissions.v1", lambda seen: _is(seen.value, request))
        again = await outside.deliver(request)
        assert again.status == 200
        report = await outside.settled()
        assert report.accepted == 1
        assert _ids(outside, [request]) == [again.submission_id]


async def test_killed_with_many_requests_in_flight(pipeline: Pipeline, run: str) -> None:
    requests = list(traffic(run, 240))
    async with world(pipeline) as outside:
        with member(pipeline, "capture") as extra:
            answers = await die_in_flight(outside, extra, requests)
        assert any(answer.status == 200 for answer in answers)
        assert any(answer.status is None for answer in answers)
        # Whoever has no answer comes again; so do those who have one.
        again = await asyncio.gather(*(outside.deliver(request) for request in requests))
        assert {answer.status for answer in again} == {200}
        report = await outside.settled()
        assert report.accepted == len(requests)
        counts = Counter(_ids(outside, requests))
        assert len(counts) == len(requests), "one submission for each"


def _is(value: bytes | None, request: Request) -> bool:
    return bool(json.loads(value or b"{}").get("body_sha256") == request.digest)


def _ids(outside: World, requests: list[Request]) -> list[str]:
    """Submission ids under which the bodies lie on the bus."""
    digests = {request.digest for request in requests}
    found = {
        event["submission_id"]
        for event in (json.loads(seen.value or b"{}") for seen in outside.bus.of("submissions.v1"))
        if event["body_sha256"] in digests
    }
    return sorted(found)
