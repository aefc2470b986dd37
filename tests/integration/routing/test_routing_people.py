"""people.v1 tells of each configuration version's reps, once."""

from __future__ import annotations

import asyncio

from schemas.people import PersonChanged
from schemas.topics import PEOPLE
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files


def people(*desks: Desk) -> list[PersonChanged]:
    return [
        PersonChanged.read(out.value)
        for desk in desks
        for out in desk.published
        if out.topic == PEOPLE.name
    ]


async def test_two_processes_publish_each_version_once(open_desk: OpenDesk) -> None:
    config = files({"ana": 2, "ben": 1}, rep_options=", caps: {day: 9}")
    one, two = await open_desk(config), await open_desk(config)
    await asyncio.gather(one.people.once(), two.people.once())
    told = people(one, two)
    assert sorted(person.rep_id for person in told) == ["ana", "ben"]
    assert told[0].pools == ("desk",)
    assert told[0].caps == {"day": 9}
    assert await one.people.once() == 0


async def test_who_left_is_said_to_be_inactive_and_weighs_nothing(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 2, "ben": 1}))
    await desk.people.once()
    version = await desk.publish(files({"ana": 2, "cleo": 3}))
    await desk.people.once()
    latest = {person.rep_id: person for person in people(desk)}
    assert latest["ben"].active is False
    assert {person.config_version for person in people(desk)[2:]} == {version}
    rows = await desk.fetch("select member, weight from routing.fairness order by member")
    assert [(row["member"], row["weight"]) for row in rows] == [("ana", 2), ("ben", 0), ("cleo", 3)]


async def test_a_version_that_becomes_active_again_is_told_again(open_desk: OpenDesk) -> None:
    first, second = files({"ana": 1}), files({"ben": 1})
    desk = await open_desk(first)
    for config in (first, second, first):
        await desk.publish(config)
        await desk.people.once()
    latest = {person.rep_id: person.active for person in people(desk)}
    assert latest == {"ana": True, "ben": False}
