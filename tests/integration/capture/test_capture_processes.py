"""Two capture processes decide the same repeats at once; one of them is killed and comes again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from dataclasses import asdict
from random import Random
from uuid import UUID

import asyncpg

from tests.support.repeating import TOUCHES, Decided, Said, assert_each_once

Delivery = tuple[Said, int]


def requests(chance: Random) -> list[Said]:
    return [
        Said(
            key=f"k{chance.randrange(40)}",
            email=chance.choice((None, 0, 1, 2, 3)),
            phone=chance.choice((None, 0, 1)),
            form=chance.choice(("demo", "contact")),
            minute=chance.randrange(40),
            attempts=chance.randint(1, 3),
        )
        for _ in range(80)
    ]


class Member:
    """A consumer of its own."""

    def __init__(self, dsn: str, deliveries: list[Delivery], size: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.capture_member", dsn, str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        for said, attempt in deliveries:
            line = json.dumps({"said": asdict(said), "attempt": attempt})
            self.process.stdin.write(line + "\n")
        self.process.stdin.close()

    def lines(self) -> list[Decided]:
        """What it told, to its end."""
        assert self.process.stdout is not None
        return [decided(line) for line in self.process.stdout if line.endswith("\n")]

    def first(self) -> Decided:
        assert self.process.stdout is not None
        return decided(self.process.stdout.readline())


def decided(line: str) -> Decided:
    told = json.loads(line)
    return Decided(UUID(told["id"]), told["topic"], b64decode(told["value"]))


def test_processes_that_share_nothing_but_postgres_decide_each_delivery_once(
    postgres_dsn: str,
) -> None:
    chance = Random(20261123)
    said = requests(chance)
    deliveries = [(one, attempt) for one in said for attempt in range(one.attempts)]
    # Both get everything, each in an order of its own: every delivery is a race.
    orders = [chance.sample(deliveries, len(deliveries)) for _ in range(2)]
    mortal, other = (Member(postgres_dsn, order, 3) for order in orders)
    published = [mortal.first()]
    os.kill(mortal.process.pid, signal.SIGKILL)
    published += mortal.lines()
    again = Member(postgres_dsn, orders[0], 5)
    published += other.lines()
    published += again.lines()
    assert [one.process.wait(30) for one in (mortal, other, again)] == [-signal.SIGKILL, 0, 0]
    assert_each_once(said, published, asyncio.run(touches(postgres_dsn)))


async def touches(dsn: str) -> list[dict[str, object]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [dict(row) for row in await connection.fetch(TOUCHES)]
    finally:
        await connection.close()
