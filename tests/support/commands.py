"""Commands against a running ``up``, and what an outsider sees of their effect."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

from tests.support.up import Up

LONG = 60.0
"""Seconds; two cores are shared with everything else."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def answer_of(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_refused(done: subprocess.CompletedProcess[str], says: str, code: int = 1) -> None:
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr


def file_of(tmp_path: Path, body: bytes, name: str = "body.json") -> str:
    path = tmp_path / name
    path.write_bytes(body)
    return str(path)


def lead_file(tmp_path: Path, email: str, **fields: Any) -> str:
    return file_of(
        tmp_path, json.dumps({"kind": "demo_request", "email": email, **fields}).encode()
    )


@asynccontextmanager
async def _reader(kafka: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, auto_offset_reset="earliest", fetch_max_wait_ms=20
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def decision_of(running: Up, submission_id: str) -> dict[str, Any]:
    """The first change that a submission brought about, as an outsider sees it."""

    async def find() -> dict[str, Any]:
        async with asyncio.timeout(LONG), _reader(running.line["kafka"], "assignments.v1") as seen:
            async for record in seen:
                event = json.loads(record.value)
                if event["submission_id"] == submission_id:
                    return dict(event)
        raise AssertionError("the stream ended")

    return asyncio.run(find())


def send_lead(run: Run, tmp_path: Path, email: str, **fields: Any) -> str:
    answer = answer_of(run("send", "api", lead_file(tmp_path, email, **fields), "--json"))
    assert answer["status"] == "accepted"
    return str(answer["submission_id"])
