"""A person's calendar becomes leave, follows what changes in it, and touches nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.routing.staff import RepFault
from services.routing.staff.leaves import from_calendar
from services.runtime.apikeys import Scope
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.leads import files
from tests.integration.routing.test_routing_requests import client_of
from tests.integration.routing.test_routing_staff import SAM, given
from tests.unit.routing.test_leave_calendar import calendar

MONDAY = "DTSTART;VALUE=DATE:20261123"
CHRISTMAS = "DTSTART;VALUE=DATE:20261221\nDTEND;VALUE=DATE:20270102"


def leaves(shown: dict[str, Any]) -> list[tuple[date, str]]:
    return [(one["from"], one["origin"]["from"]) for one in shown["leave"]]


async def test_what_the_calendar_says_holds_and_follows_it(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}, rep_options=", leave_buffer_days: 1"))
    reps = desk.staff.reps
    await reps.leave(SAM, "ana", date(2026, 12, 1), date(2026, 12, 2))
    shown = await from_calendar(reps, SAM, "ana", calendar(MONDAY, CHRISTMAS))
    assert shown["calendar"] == {"added": 2, "taken_back": 0}
    assert leaves(shown) == [
        (date(2026, 11, 23), "ical"),
        (date(2026, 12, 1), "command"),
        (date(2026, 12, 21), "ical"),
    ]
    assert await given(desk, 2) == {"ben": 2}

    again = await from_calendar(reps, SAM, "ana", calendar(MONDAY, CHRISTMAS))
    assert again["calendar"] == {"added": 0, "taken_back": 0}
    moved = CHRISTMAS.replace("20270102", "20270109")
    later = await from_calendar(reps, SAM, "ana", calendar(f"{MONDAY}\nSTATUS:CANCELLED", moved))
    assert later["calendar"] == {"added": 1, "taken_back": 2}
    assert leaves(later) == [(date(2026, 12, 1), "command"), (date(2026, 12, 21), "ical")]
    assert later["leave"][-1]["until"] == date(2027, 1, 8)
    assert "ana" in await given(desk, 4)

    with pytest.raises(RepFault, match="stays"):
        await from_calendar(reps, SAM, "ana", b"<html>")
    assert leaves(await reps.one("ana")) == leaves(later)


async def test_a_calendar_is_handed_in_over_http(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    client = await client_of(desk, Scope.REPS_ADMIN)
    path = "/v1/reps/ana/leave/ical"
    answer = await client.http.post(path, content=calendar(CHRISTMAS))
    assert (answer.status_code, answer.json()["calendar"]["added"]) == (200, 1)
    assert (await client.http.post(path, content=b"nonsense")).status_code == 422
    unknown = await client.http.post("/v1/reps/nobody/leave/ical", content=calendar(CHRISTMAS))
    assert unknown.status_code == 404
