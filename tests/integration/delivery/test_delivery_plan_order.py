"""Touches of plans on a real database: no plan begins after its end; logins outlive a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from fastapi.responses import JSONResponse

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.touch import TouchDue, TouchReason
from services.delivery.logins import Grant, StoredLogins
from services.runtime.database import open_pool
from tests.contract.delivery.sequencers import Team, listening
from tests.integration.delivery.office import HERE, Office, now, office, slack
from tests.support.changes import changed, due
from tests.support.standin import Reply, StandIn
from tests.support.waiting import eventually

OK = Reply(body={"ok": True, "ts": "1.1", "channel": "C1"})


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    made = await open_pool(postgres_dsn, size=2, name="test.logins")
    yield made
    made.terminate()


def salesloft(url: str) -> dict[str, Any]:
    return {
        "type": "salesloft", "base_url": url, "token": "SALESLOFT", "sequences": {"outbound": 7},
        "allow_networks": HERE, "timeout_ms": 2000,
    }  # fmt: skip


def ana_s() -> AssignmentChanged:
    event = changed()
    assert event.rep is not None
    ids = {"salesloft": "51", "slack": "UANA"}
    return event.model_copy(update={"rep": event.rep.model_copy(update={"external_ids": ids})})


def planned(of: AssignmentChanged, step: int, ended: str | None = None) -> TouchDue:
    fields = {"reason": TouchReason.CADENCE, "plan": "outbound", "step": step, "ended": ended}
    return due(of).model_copy(update=fields)


async def states(it: Office) -> list[tuple[str, str, str | None]]:
    rows = await it.rows(
        "select sink, state, reason from delivery.deliveries where touch is not null"
        " order by created_at"
    )
    return [(row["sink"], row["state"], row["reason"]) for row in rows]


async def test_a_plan_begins_there_once_and_stops_although_the_lead_is_closed(
    postgres_dsn: str,
) -> None:
    async with listening(Team()) as team, StandIn(always=OK) as there:
        sinks = {"plans": salesloft(team.url), "slack": slack(there.url)}
        async with office(postgres_dsn, sinks) as it:
            event = ana_s()
            await it.tell(event)
            await it.remind(planned(event, 1))
            await eventually(lambda: len(there.asked) == 2)
            await eventually(lambda: team.memberships)
            await it.remind(planned(event, 2))
            await it.tell(changed(AssignmentStatus.CLOSED, of=event))
            await it.remind(planned(event, 2, "the lead is disqualified"))
            await eventually(lambda: not any(one["on"] for one in team.memberships.values()))
            assert len(team.memberships) == 1
            told = [asked.json["text"] for asked in there.asked if "postMessage" in asked.path]
            assert not [text for text in told if "disqualified" in text]


async def test_a_plan_that_ended_while_the_vendor_was_away_never_begins(postgres_dsn: str) -> None:
    async with listening(Team()) as team:
        team.fails = [JSONResponse({}, 503)]
        async with office(postgres_dsn, {"plans": salesloft(team.url)}) as it:
            event = ana_s()
            await it.tell(event)
            await it.remind(planned(event, 1))
            waiting = [("plans", "waiting", "status_503")]
            await eventually(lambda: _are(it, waiting))
            await it.remind(planned(event, 2, "the person replied"))
            over = [("plans", "skipped", "plan_ended"), ("plans", "delivered", "not_begun")]
            await eventually(lambda: _are(it, over))
            assert team.memberships == {}


async def _are(it: Office, wanted: list[tuple[str, str, str | None]]) -> bool:
    return await states(it) == wanted


async def test_the_latest_login_is_kept_encrypted_for_every_process(pool: asyncpg.Pool) -> None:
    asked: list[str] = []

    async def refresh(token: str) -> Grant:
        asked.append(token)
        number = len(asked)
        return Grant(f"access-{number}", f"refresh-{number}", now() + timedelta(hours=2))

    one, two = (StoredLogins(pool, b"installation", now) for _ in range(2))
    assert await one.access_token("refresh-0", refresh) == "access-1"
    assert await two.access_token("refresh-0", refresh) == "access-1"
    assert await two.access_token("refresh-0", refresh, refused="access-1") == "access-2"
    assert await one.access_token("refresh-0", refresh, refused="access-1") == "access-2"
    assert await one.access_token("another", refresh) == "access-3"
    assert asked == ["refresh-0", "refresh-1", "another"]
    kept = await pool.fetch("select * from delivery.logins")
    assert not [
        row for row in kept if "access-" in str(tuple(row)) or "refresh-" in str(tuple(row))
    ]
    # With another secret of the installation what was kept says nothing: it begins anew.
    stranger = StoredLogins(pool, b"another installation", now)
    assert await stranger.access_token("refresh-0", refresh) == "access-4"


async def test_a_login_that_fails_changes_nothing(pool: asyncpg.Pool) -> None:
    async def refuse(token: str) -> Grant:
        raise ValueError(token)

    logins = StoredLogins(pool, b"installation", now)
    with pytest.raises(ValueError, match="refresh-0"):
        await logins.access_token("refresh-0", refuse)
    assert await pool.fetchval("select count(*) from delivery.logins") == 0
