"""One capture consumer as a process of its own, over a Postgres that it shares.

``python -m tests.support.capture_member DSN SIZE`` reads requests from stdin, a JSON object a line,
decides them in batches of SIZE, and prints what it would publish, a line each, as it is committed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from services.capture import config
from services.capture.handlers import Decider
from services.runtime.database import open_pool
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output
from tests.support.repeating import AT, Decided, Said, record

CONFIG = config.parse({p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")})


def tell(outputs: Sequence[Output]) -> None:
    for one in map(Decided.of, outputs):
        told = {"id": str(one.id), "topic": one.topic, "value": b64encode(one.value).decode()}
        print(json.dumps(told), flush=True)


async def main(dsn: str, size: int) -> None:
    lines = [json.loads(line) for line in sys.stdin]
    records = [record(Said(**line["said"]), line["attempt"]) for line in lines]
    pool = await open_pool(dsn, size=2)
    try:

        async def swept(outputs: Sequence[Output]) -> None:
            tell(outputs)

        outbox = Outbox("capture", pool, swept, Metrics())
        decider = Decider(lambda: CONFIG, b"installation", lambda: AT)
        for first in range(0, len(records), size):
            tell(await outbox.process(records[first : first + size], decider.decide, decider.first))
    finally:
        await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
