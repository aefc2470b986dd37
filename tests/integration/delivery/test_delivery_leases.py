"""What a worker has taken: for how long, what is counted, and what is shown of it."""

from __future__ import annotations

from functools import partial
from unittest.mock import ANY

import pytest

from services.delivery import leases, workers
from services.delivery.sinks.webhook import Webhook
from tests.integration.delivery.office import Office, configured, office, webhook
from tests.support.changes import changed
from tests.support.standin import Reply, StandIn
from tests.support.waiting import eventually


async def test_a_lease_does_not_run_out_under_a_message_that_waits_for_its_turn(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "MARGIN_S", 2.0)
    slow = {"rate": {"calls": 1, "seconds": 3.5}, "timeout_ms": 50}
    async with StandIn() as there, office(postgres_dsn, {"hook": webhook(there.url, **slow)}) as it:
        await it.tell(changed(), changed())
        await eventually(lambda: _all(it, "delivered", 2))
        assert len(there.asked) == 2


async def test_what_cannot_be_sent_for_a_reason_of_our_own_is_given_up_in_the_end(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: object, message: object) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr(Webhook, "send", broken)
    hook = webhook("http://127.0.0.1:9", give_up_after="1h")
    async with office(postgres_dsn, {"hook": hook}) as it:
        await it.tell(changed())
        await eventually(lambda: _is(it, ("hook", 1), "waiting", "failed_ValueError"))
        await it.pool.execute(
            "update delivery.deliveries set created_at = created_at - interval '2 h'"
        )
        await it.due()
        await eventually(lambda: _is(it, ("hook", 1), "dead", "failed_ValueError"))


async def test_a_call_that_is_cut_off_by_a_change_of_its_sink_is_counted(postgres_dsn: str) -> None:
    async with StandIn(always=Reply(hangs=True)) as there:
        hook = webhook(there.url, timeout_ms=60_000)
        async with office(postgres_dsn, {"hook": hook}) as it:
            await it.tell(changed())
            await eventually(lambda: there.asked)
            there.always = Reply()
            it.config = configured({"hook": {**hook, "concurrency": 3}})
            await eventually(lambda: _is(it, ("hook", 1), "delivered"))
            counted = it.metrics.registry.get_sample_value
            assert counted("handraise_deliveries_in_doubt_total", {"sink": "hook"}) == 1
            [row] = await it.rows("select attempts from delivery.deliveries")
            assert row["attempts"] == len(there.asked) == 2


async def test_a_sink_that_is_configured_no_more_is_shown_no_more(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_MEASURE_S", 0.05)
    gauges = ("sink_stopped", "deliveries_waiting", "delivery_oldest_waiting_seconds")
    async with StandIn(always=Reply(500)) as there:
        sinks = {"hook": webhook(there.url), "other": webhook(there.url)}
        async with office(postgres_dsn, sinks) as it:
            shown = partial(_shown, it, [f"handraise_{name}" for name in gauges])
            await it.tell(changed())
            await eventually(lambda: shown("other") == [0.0, 1.0, ANY])
            await it.pool.execute(
                "insert into delivery.sinks (sink, paused_by) values ('other', 'x')"
            )
            await eventually(lambda: shown("other") == [1.0, 1.0, ANY])
            it.config = configured({"hook": sinks["hook"]})
            await eventually(lambda: shown("other") == [None, None, None])
            assert shown("hook") == [0.0, 1.0, ANY]


def _shown(it: Office, gauges: list[str], sink: str) -> list[float | None]:
    return [it.metrics.registry.get_sample_value(name, {"sink": sink}) for name in gauges]


async def _is(
    it: Office, which: tuple[str, int | None], state: str, reason: str | None = None
) -> bool:
    found = (await it.states()).get(which)
    return found is not None and found[0] == state and reason in (None, found[1])


async def _all(it: Office, state: str, count: int) -> bool:
    rows = await it.rows("select count(*) as n from delivery.deliveries where state = $1", state)
    return bool(rows[0]["n"] == count)
