"""Calendars that are read by themselves: leave follows them, and what fails takes none away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from services.routing.leave_feed import LeaveFeeds
from services.runtime.apart import Apart, Bounds
from services.runtime.configfile import ConfigError
from services.runtime.problems import Problem
from services.runtime.settings import PostgresSettings, Secrets
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files, plan
from tests.integration.routing.test_leave_from_calendar import leaves
from tests.integration.routing.test_routing_staff import given

URL = ", leave_calendar: {url: 'https://calendar.example/ana-4711.ics'}"
SECRET = ", leave_calendar: {secret: ANA_CALENDAR}"
CHRISTMAS = {"key": "1|x", "first": "2026-12-21", "last": "2027-01-01", "reason": "off"}
TODAY = {"key": "2|x", "first": "2026-11-23", "last": "2026-11-23", "reason": "ill"}


class Reader(Apart):
    """In place of the process that fetches."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.answer: dict[str, Any] | Problem = told()

    async def run(self, kind: str, request: Mapping[str, Any]) -> Any:
        assert kind == "calendar"
        self.asked.append(request)
        if isinstance(self.answer, Problem):
            raise self.answer
        return self.answer


def told(*days: dict[str, str], etag: str | None = '"1"') -> dict[str, Any]:
    return {"same": False, "days": list(days), "etag": etag, "modified": None}


def feeds_of(desk: Desk, reader: Apart, **secrets: str) -> LeaveFeeds:
    values = {name: [value.encode()] for name, value in secrets.items()}
    return LeaveFeeds(desk.staff.reps, desk.config, reader, Secrets(values))


async def due(desk: Desk) -> None:
    """A quarter of an hour later."""
    async with desk.pool.acquire() as connection:
        await connection.execute("update routing.leave_feeds set due_at = now()")


async def test_leave_follows_the_calendar_and_each_is_read_by_one_process(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, by_rep={"ana": URL}))
    reader = Reader()
    feeds, other = feeds_of(desk, reader), feeds_of(desk, reader)
    reader.answer = told(TODAY, CHRISTMAS)
    assert await feeds.once()
    assert not await other.once(), "no other process reads it now"
    shown = await desk.staff.reps.one("ana")
    assert [origin for _, origin in leaves(shown)] == ["ical", "ical"]
    assert shown["leave_calendar"]["error"] is None
    assert shown["leave_calendar"]["read_at"] is not None
    assert await given(desk, 2) == {"ben": 2}

    await due(desk)
    reader.answer = {"same": True}
    assert await other.once()
    assert reader.asked[-1]["etag"] == '"1"'
    assert len(leaves(await desk.staff.reps.one("ana"))) == 2

    await due(desk)
    reader.answer = told(CHRISTMAS, etag='"2"')
    await feeds.once()
    assert len(leaves(await desk.staff.reps.one("ana"))) == 1


async def test_what_fails_is_said_and_takes_no_leave_away(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, by_rep={"ana": URL}))
    reader = Reader()
    feeds = feeds_of(desk, reader)
    reader.answer = told(CHRISTMAS)
    await feeds.once()
    for _ in range(2):
        await due(desk)
        reader.answer = Problem(502, "Not read", "the calendar's address answers 404")
        assert await feeds.once()
    shown = await desk.staff.reps.one("ana")
    assert len(leaves(shown)) == 1
    state = shown["leave_calendar"]
    assert state["error"] == "the calendar's address answers 404"
    assert state["failing_since"] < state["checked_at"], "since the first time"
    await due(desk)
    reader.answer = {"same": True}
    await feeds.once()
    assert (await desk.staff.reps.one("ana"))["leave_calendar"]["failing_since"] is None


async def test_a_secret_address_is_not_stored_and_another_one_is_read_anew(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, by_rep={"ana": SECRET}))
    reader = Reader()
    await feeds_of(desk, reader).once()
    state = (await desk.staff.reps.one("ana"))["leave_calendar"]
    assert (reader.asked, state["error"]) == ([], "HANDRAISE_SECRET_ANA_CALENDAR is not set")
    for url in ("https://calendar.example/4711", "https://calendar.example/4712"):
        await due(desk)
        await feeds_of(desk, reader, ANA_CALENDAR=url).once()
        assert (reader.asked[-1]["url"], reader.asked[-1]["etag"]) == (url, None)
    (row,) = await desk.fetch("select * from routing.leave_feeds")
    assert "471" not in str({**row, "address": ""})
    assert "calendar.example" not in str(row)


async def test_in_a_process_of_its_own_no_private_address_is_asked(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    own = ", leave_calendar: {url: 'https://127.0.0.1/ana.ics'}"
    desk = await open_desk(files({"ana": 1, "ben": 1}, by_rep={"ana": own}))
    settings = PostgresSettings(dsn=SecretStr(postgres_dsn))
    await feeds_of(desk, Apart(settings, Bounds(60, 2048), at_once=1)).once()
    state = (await desk.staff.reps.one("ana"))["leave_calendar"]
    assert state["error"] == "the calendar's address leads into a private network"


@pytest.mark.parametrize(
    "said",
    [
        "{url: 'http://calendar.example/a.ics'}",
        "{url: 'https://calendar.example/a.ics', secret: ANA}",
        "{}",
        "{secret: 'a b'}",
    ],
)
def test_an_address_is_https_or_a_secret(said: str) -> None:
    with pytest.raises(ConfigError, match="leave_calendar"):
        plan({"ana": 1}, by_rep={"ana": f", leave_calendar: {said}"})
