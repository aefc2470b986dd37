"""What hostile and careless strangers send: refused in one clear sentence, and it costs nobody else
anything. Nothing here may be answered with 500, and the lead of the person behind them arrives."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.assignment import AssignmentRequested
from tests.support.examples import good
from tests.support.up import Up, up

_JSON = {"content-type": "application/json"}
_EMAIL = b'{"email": "a@b.example", '

BODIES = {
    "NUL": _EMAIL + rb'"message": "\u0000"}',
    "half a surrogate pair": _EMAIL + rb'"message": "\ud800"}',
    "half a pair in a name": _EMAIL + rb'"fields": {"\ud800": "x"}}',
    "a number beyond a double": _EMAIL + b'"fields": {"n": 1e400}}',
    "an endless number": _EMAIL + b'"fields": {"n": 1' + b"0" * 5000 + b"}}",
    "NaN": _EMAIL + b'"fields": {"n": NaN}}',
    "depth": b"[" * 10_000 + b"]" * 10_000,
    "less depth": b'{"a":' * 1_900 + b"1" + b"}" * 1_900,
    "a member twice": _EMAIL + b'"email": "c@b.example"}',
    "UTF-16": '{"email": "a@b.example"}'.encode("utf-16"),
    "Latin-1": _EMAIL + '"message": "é"}'.encode("latin-1"),
    "70 KB": _EMAIL + b'"message": "' + b"x" * 70_000 + b'"}',
    "a list": b"[]",
    "nothing": b"",
    "wrong types": b'{"email": 7, "utm": [], "consent": {}, "submitted_at": "yesterday"}',
    "before the year 1": _EMAIL + b'"submitted_at": "0001-01-01T00:00:00+14:00"}',
    "after the year 9999": _EMAIL + b'"submitted_at": "9999-12-31T23:59:59-14:00"}',
    "no offset": _EMAIL + b'"submitted_at": "2026-01-01T00:00:00"}',
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("strangers") / "data") as started:
        yield started


def _problem(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["detail"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("what", BODIES)
def test_a_hostile_body_is_refused_with_a_reason(running: Up, what: str) -> None:
    url = f"{running.http}/v1/leads"
    answer = httpx.post(url, content=BODIES[what], headers={**_JSON, **running.headers})
    _problem(answer, 400, 413, 422)


@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("source", ["website", "nobody", "%ff%fe", "a" * 3_000])
def test_an_unproven_hook_tells_nothing_about_the_source(
    running: Up, what: str, source: str
) -> None:
    answer = httpx.post(f"{running.http}/hooks/{source}", content=BODIES[what], headers=_JSON)
    if len(BODIES[what]) > 65_536:
        _problem(answer, 413)
        return
    _problem(answer, 401)
    assert answer.json()["detail"] == "The request is not proven."


@pytest.mark.parametrize("path", ["/hooks/%00", "/hooks/website%00", "/v1/leads%00", "/%00"])
def test_an_address_that_no_text_can_hold_is_none(running: Up, path: str) -> None:
    answer = httpx.post(f"{running.http}{path}", content=b"{}", headers=_JSON)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -5\r\n\r\n{}",
        b"Content-Length: abc\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"Content-Length: 99999999999\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b" " * 4096 + b"\r\n" + b"1f000\r\n"
        + b" " * 0x1F000,
        b"".join(b"X-%d: %s\r\n" % (n, b"y" * 100) for n in range(2_000)) + b"\r\n",
    ],
)  # fmt: skip
def test_a_broken_request_is_answered_with_4xx(running: Up, head: bytes) -> None:
    at = httpx.URL(running.http)
    key = running.headers["authorization"].encode()
    request = b"POST /v1/leads HTTP/1.1\r\nHost: x\r\nAuthorization: " + key + b"\r\n" + head
    with socket.create_connection((at.host, at.port or 80), timeout=30) as connection:
        connection.sendall(request)
        answer = connection.recv(100)
    assert answer.startswith(b"HTTP/1.1 4"), answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"rep_id": "nobody"}', 403),
        (b'{"rep_id": "lena.vogt", "reason": "a\\u0000b"}', 422),
        (b'{"rep_id": "a\\u0000b"}', 422),
        (b'{"rep_id": "x", "reason": "\\ud800"}', 422),
        (b'{"reason": "x"}', 422),
        (b"[1]", 422),
        (b"{{{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 10_000 + b"]" * 10_000, 400),
    ],
)
async def test_an_sdr_tool_s_mistake_is_told(running: Up, body: bytes, status: int) -> None:
    routing = running.line["services"]["routing"]
    headers = {**_JSON, **running.headers}
    event = await _outcome(running, f"dev{uuid4().hex}")
    url = f"{routing}/v1/assignments/{event['assignment_id']}/reject"
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(url, content=body, headers=headers)
        _problem(answer, status)
        unknown = f"{routing}/v1/assignments/{uuid4()}/accept"
        _problem(await client.post(unknown, json={"rep_id": "x"}, headers=running.headers), 404)


async def test_garbage_among_the_requests_stops_nobody(running: Up) -> None:
    request = json.loads(good("assignment.requested.v1", "reject"))
    far = {**request, "requested_at": "0001-01-01T00:00:00+14:00"}
    values = [b"", None, b"null", b"{}", b"garbage", b"\xff", b'{"a":' * 5_000]
    values += [json.dumps(one).encode() for one in (far, {**request, "action": "dance"}, request)]
    event = await _outcome(running, f"before{uuid4().hex}")
    ours = {**request, "assignment_id": event["assignment_id"], "rep_id": event["rep"]["id"]}
    producer = AIOKafkaProducer(bootstrap_servers=running.line["kafka"])
    await producer.start()
    try:
        for value in [*values, json.dumps(ours).encode()]:
            await producer.send_and_wait("assignment.requests.v1", value, key=b"k", headers=_ce())
            if value != json.dumps(ours).encode():
                await producer.send_and_wait("assignment.requests.v1", value, key=b"k")
    finally:
        await producer.stop()
    # The good one behind them is heard.
    heard = await _seen(running, lambda e: e["assignment_id"] == event["assignment_id"], 2)
    assert heard["status"] == "rejected"


def _ce() -> list[tuple[str, bytes]]:
    attributes = {
        "ce_id": str(uuid4()),
        "ce_source": "test",
        "ce_specversion": "1.0",
        "ce_type": AssignmentRequested.TYPE,
        "ce_time": "2026-11-23T09:00:00Z",
    }
    return [(name, value.encode()) for name, value in attributes.items()]


async def _outcome(running: Up, name: str) -> dict[str, Any]:
    answer = running.post_lead(kind="demo_request", email=f"{name}@{name}.example", country="SE")
    submission_id = answer.json()["submission_id"]
    return await _seen(running, lambda event: event["submission_id"] == submission_id)


async def _seen(running: Up, wanted: Any, times: int = 1) -> dict[str, Any]:
    """The n-th assignment that is wanted."""
    consumer = AIOKafkaConsumer(
        "assignments.v1",
        bootstrap_servers=running.line["kafka"],
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            async for record in consumer:
                event = json.loads(record.value)
                times -= bool(wanted(event))
                if times == 0:
                    return dict(event)
    finally:
        await consumer.stop()
    raise AssertionError("the stream ended")
