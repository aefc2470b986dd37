"""The floor: a bare handler that produces what it got, waits for ``acks=all`` and answers.

python -m tests.benchmarks.capture.floor KAFKA TOPIC PORT
"""

from __future__ import annotations

import sys
from uuid import uuid4

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.benchmarks.pipeline.floor import new_producer


async def main(kafka: str, topic: str, port: int) -> None:
    producer = new_producer(kafka)
    await producer.start()

    async def take(request: Request) -> JSONResponse:
        submission_id = str(uuid4())
        await producer.send_and_wait(topic, await request.body(), key=submission_id.encode())
        return JSONResponse({"status": "accepted", "submission_id": submission_id})

    app = Starlette(routes=[Route("/leads", take, methods=["POST"])])
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")
    try:
        await uvicorn.Server(config).serve()
    finally:
        await producer.stop()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
