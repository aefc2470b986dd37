"""The floors: what the same hops cost without Handraise.

``a``: four bare aiokafka relays in one process between five topics, fed through a bare producer.
``b``: an HTTP handler in front and each hop a process of its own, which writes one row to Postgres
(fsynced commit) before it publishes, and sends as many bytes as Handraise sends at that hop.

    python -m tests.benchmarks.pipeline.floor --kafka … --prefix … --hops 0,1,2,3 [--http PORT]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from uuid import uuid4

import asyncpg
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

HOPS = 4
COMMIT_SECONDS = 0.05


def topic(prefix: str, hop: int) -> str:
    """Topic that ``hop`` reads; ``hop`` 4 is the output."""
    return f"{prefix}.{hop}.v1"


def padded(submission_id: str, size: int) -> bytes:
    """A JSON value of ``size`` bytes that carries the id."""
    empty = len(json.dumps({"submission_id": submission_id, "pad": ""}))
    return json.dumps({"submission_id": submission_id, "pad": "x" * max(0, size - empty)}).encode()


def new_producer(kafka: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=0
    )


async def relay(args: argparse.Namespace, hop: int, producer: AIOKafkaProducer) -> None:
    """Take what is there, (store,) publish, await the acknowledgements, commit behind."""
    consumer = AIOKafkaConsumer(
        topic(args.prefix, hop), bootstrap_servers=args.kafka, group_id=f"{args.prefix}-{hop}",
        enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100,
        session_timeout_ms=6000, heartbeat_interval_ms=1000,
    )  # fmt: skip
    await consumer.start()
    pool = await asyncpg.create_pool(args.dsn, min_size=1, max_size=1) if args.dsn else None
    done: dict[TopicPartition, int] = {}
    committer = asyncio.create_task(commit_often(consumer, done))
    size, out = args.sizes[hop], topic(args.prefix, hop + 1)
    try:
        while True:
            got = await consumer.getmany(timeout_ms=1000, max_records=500)
            records = [record for rows in got.values() for record in rows]
            if not records:
                continue
            ids = [json.loads(record.value)["submission_id"] for record in records]
            values = [padded(submission_id, size) for submission_id in ids]
            if pool is not None:
                await pool.execute(
                    "insert into floor(hop, id, body)"
                    " select $1::int, * from unnest($2::text[], $3::bytea[])",
                    hop, ids, values,
                )  # fmt: skip
            sends = [
                await producer.send(out, value, key=record.key, headers=list(record.headers))
                for record, value in zip(records, values, strict=True)
            ]
            await asyncio.gather(*sends)
            done.update({TopicPartition(r.topic, r.partition): r.offset + 1 for r in records})
    finally:
        committer.cancel()
        await consumer.stop()


async def commit_often(consumer: AIOKafkaConsumer, done: dict[TopicPartition, int]) -> None:
    while True:
        await asyncio.sleep(COMMIT_SECONDS)
        if done:
            offsets = dict(done)
            done.clear()
            await consumer.commit(offsets)


async def serve(args: argparse.Namespace, producer: AIOKafkaProducer) -> None:
    """The bare HTTP handler: read, produce with acks=all, answer."""

    async def accept(request: Request) -> JSONResponse:
        body = await request.body()
        key = str(json.loads(body)["email"])
        submission_id = str(uuid4())
        headers = [("ce_id", b"x" * args.header_bytes)]
        await producer.send_and_wait(
            topic(args.prefix, 0), padded(submission_id, args.sizes[HOPS]), key=key.encode(),
            headers=headers,
        )  # fmt: skip
        return JSONResponse({"status": "accepted", "submission_id": submission_id})

    app = Starlette(routes=[Route("/leads", accept, methods=["POST"])])
    config = uvicorn.Config(
        app, port=args.http, loop="uvloop", http="httptools", log_level="warning"
    )
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    await server.serve()


def _no_signals():  # type: ignore[no-untyped-def]
    import contextlib

    return contextlib.nullcontext()


async def main(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    producer = new_producer(args.kafka)
    await producer.start()
    tasks = [asyncio.create_task(relay(args, hop, producer)) for hop in args.hops]
    if args.http:
        tasks.append(asyncio.create_task(serve(args, producer)))
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, *tasks):
        task.cancel()
    await asyncio.gather(stopping, *tasks, return_exceptions=True)
    await asyncio.wait_for(producer.stop(), 5)
    for task in done:
        task.result()


def parse(argv: list[str]) -> argparse.Namespace:
    numbers = lambda text: [int(part) for part in text.split(",") if part]  # noqa: E731
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--hops", type=numbers, required=True)
    parser.add_argument("--sizes", type=numbers, default=[600] * (HOPS + 1))
    parser.add_argument("--header-bytes", type=int, default=300)
    parser.add_argument("--dsn")
    parser.add_argument("--http", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    uvloop.run(main(parse(sys.argv[1:])))
