"""Alive is not ready, and what is waited for has a name."""

from __future__ import annotations

import asyncio

import pytest

from services.runtime.health import Health, one_store_suffices, waiting_for
from tests.support.waiting import PATIENCE


async def test_ready_when_every_check_is_content() -> None:
    health = Health("routing", starting=None)

    async def well() -> str | None:
        return None

    health.add("postgres", well)
    assert await health.report() == (True, {"status": "ready", "service": "routing"})


async def test_what_fails_and_what_hangs_are_both_named_within_a_second() -> None:
    health = Health("routing", starting=None)

    async def broken() -> str | None:
        raise ConnectionRefusedError("postgresql://u:hunter2@h/d")

    async def hanging() -> str | None:
        await asyncio.Event().wait()
        return None

    async def stage() -> str | None:
        return "routing: waiting_for=postgres"

    health.add("postgres", broken)
    health.add("kafka.live", hanging)
    health.add("enrichment.budget", broken)
    ready, body = await asyncio.wait_for(health.report(), PATIENCE * 2)
    assert not ready
    assert body["waiting_for"] == ["enrichment.budget", "kafka", "postgres"]
    assert body["reasons"]["kafka.live"] == "no answer within 1 s"
    assert "hunter2" not in str(body)


def test_a_stage_that_waits_for_postgres_does_not_wait_for_kafka() -> None:
    assert waiting_for({"kafka.live": "routing: waiting_for=postgres"}) == ["postgres"]


@pytest.mark.parametrize(
    ("missing", "ready"),
    [
        ((), True),
        (("postgres",), True),
        (("kafka.door",), True),
        (("postgres", "kafka.door"), False),
    ],
)
async def test_who_can_do_with_one_store_is_ready_while_there_is_one(
    missing: tuple[str, ...], ready: bool
) -> None:
    health = Health("capture", starting=None, needs=one_store_suffices)

    async def broken() -> str | None:
        raise ConnectionRefusedError

    for name in missing:
        health.add(name, broken)
    assert (await health.report())[0] is ready


async def test_starting_and_draining_come_before_the_checks() -> None:
    health = Health("routing")
    assert await health.reasons() == {"starting": "starting"}
    health.starting = None
    assert await health.reasons() == {}
    health.draining = True
    assert list(await health.reasons()) == ["draining"]
