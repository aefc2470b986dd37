"""Reps and pools: who is free when, and what is said about a wrong team."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from schemas.base import TierName
from services.kernel.calendars import Calendar, Calendars
from services.kernel.people import (
    Absence,
    Available,
    Leave,
    NobodyFree,
    Overlay,
    Rep,
    Teams,
    Unavailable,
    Window,
    availability,
    calendar_faults,
    next_available,
    next_unavailable,
    start_of_day,
    window_end,
    window_start,
)

LISBON = ZoneInfo("Europe/Lisbon")
OFFICE = Calendar.model_validate(
    {"hours": {"weekdays": "09:00-18:00"}, "holidays": {"country": "PT"}}
)
ALWAYS = Calendar.model_validate({"hours": {"every_day": "00:00-24:00"}})


def rep(**changed: Any) -> dict[str, Any]:
    return {
        "id": "ana",
        "name": "Ana Silva",
        "email": "Ana@acme.example",
        "role": "sdr",
        "time_zone": "Europe/Lisbon",
        "calendar": "office",
    } | changed


def pool(**changed: Any) -> dict[str, Any]:
    return {"id": "mid_market", "role": "sdr", "members": ["ana"]} | changed


def ana(**changed: Any) -> Rep:
    return Rep.model_validate(rep(**changed))


def lisbon(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LISBON).astimezone(UTC)


def vacation(first: str, last: str) -> dict[str, str]:
    return {"from": first, "until": last, "reason": "vacation"}


@pytest.mark.parametrize(
    ("at", "reason", "until", "free"),
    [
        ("2026-11-23T10:00", None, None, "2026-11-23T10:00"),
        ("2026-11-23T08:59", Absence.OFF_HOURS, "2026-11-23T09:00", "2026-11-23T09:00"),
        ("2026-11-28T12:00", Absence.OFF_HOURS, "2026-11-30T09:00", "2026-11-30T09:00"),
        ("2026-12-01T10:00", Absence.HOLIDAY, "2026-12-02T09:00", "2026-12-02T09:00"),
        ("2026-12-20T10:00", Absence.LEAVE, "2027-01-03T00:00", "2027-01-04T09:00"),
        ("2027-01-02T23:59", Absence.LEAVE, "2027-01-03T00:00", "2027-01-04T09:00"),
        ("2027-01-03T00:00", Absence.OFF_HOURS, "2027-01-04T09:00", "2027-01-04T09:00"),
    ],
)
def test_who_is_free_when(at: str, reason: Absence | None, until: str | None, free: str) -> None:
    person = ana(leave=[vacation("2026-12-20", "2027-01-02")])
    found = availability(person, OFFICE, lisbon(at))
    if reason is None:
        assert found == Available()
    else:
        assert isinstance(found, Unavailable)
        assert (found.reason, found.until) == (reason, lisbon(until or ""))
    assert next_available(person, OFFICE, lisbon(at)) == lisbon(free)


def test_an_absence_is_named() -> None:
    person = ana(leave=[vacation("2026-12-20", "2027-01-02")])
    holiday = availability(person, OFFICE, lisbon("2026-12-01T10:00"))
    assert isinstance(holiday, Unavailable)
    assert holiday.detail == "Restoration of Independence Day"
    leave = availability(person, OFFICE, lisbon("2026-12-25T10:00"))
    assert isinstance(leave, Unavailable)
    assert leave.detail == "vacation"


def test_a_day_off_is_the_rep_s_own_day() -> None:
    """The leave of somebody in Auckland begins while it is still the day before in UTC."""
    auckland = ana(time_zone="Pacific/Auckland", leave=[vacation("2026-11-24", "2026-11-24")])
    at = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
    found = availability(auckland, ALWAYS, at)
    assert found == Unavailable(Absence.LEAVE, datetime(2026, 11, 24, 11, tzinfo=UTC), "vacation")
    assert availability(auckland, ALWAYS, at - timedelta(hours=1)) == Available()


def test_leave_may_follow_leave() -> None:
    person = ana(leave=[vacation("2026-12-07", "2026-12-08"), vacation("2026-12-09", "2026-12-10")])
    assert next_available(person, OFFICE, lisbon("2026-12-07T10:00")) == lisbon("2026-12-11T09:00")


def test_what_operators_changed() -> None:
    at, later = lisbon("2026-11-23T10:00"), lisbon("2026-11-23T12:00")
    person = ana()

    def asked(**overlay: Any) -> tuple[object, datetime | None]:
        found = availability(person, OFFICE, at, Overlay(**overlay))
        why = found.reason if isinstance(found, Unavailable) else None
        return why, next_available(person, OFFICE, at, Overlay(**overlay))

    assert asked(paused=True) == (Absence.PAUSED, None)
    assert asked(paused=True, paused_until=later) == (Absence.PAUSED, later)
    assert asked(paused=True, paused_until=at) == (None, at)
    assert asked(active=False) == (Absence.INACTIVE, None)
    sick = Leave(first=date(2026, 11, 23), last=date(2026, 11, 23))
    assert asked(leave=(sick,)) == (Absence.LEAVE, lisbon("2026-11-24T09:00"))


@pytest.mark.parametrize(
    ("first", "last", "wrong"),
    [
        ("2026-11-23", "2026-11-22", "before it starts"),
        ("2026-11-23", "9999-12-31", "not active"),
        ("0001-01-01", "2026-11-23", "years 2 to 9998"),
    ],
)
def test_a_leave_has_days_that_every_clock_can_be_told_of(
    first: str, last: str, wrong: str
) -> None:
    with pytest.raises(ValidationError, match=wrong):
        Leave.model_validate({"from": first, "until": last})


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_nobody_joins_on_a_day_that_no_clock_can_be_told_of(day: str) -> None:
    # Each decision about the person would fail on it.
    with pytest.raises(ValidationError, match="years 2 to 9998"):
        ana(joined=day)


def test_an_operator_may_bring_somebody_back() -> None:
    at = lisbon("2026-11-23T10:00")
    gone = ana(active=False)
    assert availability(gone, OFFICE, at) == Unavailable(Absence.INACTIVE, None)
    assert availability(gone, OFFICE, at, Overlay(active=True)) == Available()


def test_somebody_who_never_works_is_never_free() -> None:
    never = Calendar.model_validate({"hours": {}})
    assert next_available(ana(), never, lisbon("2026-11-23T10:00")) is None


def test_when_somebody_stops_being_free() -> None:
    at = lisbon("2026-11-23T10:00")
    assert next_unavailable(ana(), OFFICE, at) == lisbon("2026-11-23T18:00")
    assert next_unavailable(ana(), ALWAYS, at) is None
    away = ana(leave=[vacation("2026-11-25", "2026-11-26"), vacation("2026-01-01", "2026-01-02")])
    assert next_unavailable(away, ALWAYS, at) == lisbon("2026-11-25T00:00")


def test_a_day_begins_when_the_clock_first_shows_it() -> None:
    # Havana leaves midnight out on 8 March 2026.
    havana = ZoneInfo("America/Havana")
    found = start_of_day(havana, date(2026, 3, 8))
    assert found.astimezone(havana).date() == date(2026, 3, 8)
    assert (found - timedelta(seconds=1)).astimezone(havana).date() == date(2026, 3, 7)


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        (Window.HOUR, "2026-11-25T14:00", "2026-11-25T15:00"),
        (Window.DAY, "2026-11-25T00:00", "2026-11-26T00:00"),
        (Window.WEEK, "2026-11-23T00:00", "2026-11-30T00:00"),
    ],
)
def test_caps_count_by_the_wall_clock(window: Window, start: str, end: str) -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    at = datetime(2026, 11, 25, 14, 37, 12, 5, tzinfo=zone)
    assert window_start(window, zone, at) == datetime.fromisoformat(start).replace(tzinfo=zone)
    assert window_end(window, zone, at) == datetime.fromisoformat(end).replace(tzinfo=zone)


def test_the_file_in_full() -> None:
    teams = Teams.model_validate(
        {
            "reps": [
                rep(
                    external_ids={"slack": "U1"},
                    languages=["pt"],
                    skills=["enterprise"],
                    caps={"hour": 2, "day": 20, "open": 5},
                    leave=[vacation("2026-12-20", "2027-01-02")],
                ),
                rep(id="bo", email="bo@acme.example"),
            ],
            "pools": [
                pool(
                    members=["bo", {"rep": "ana", "weight": 3}],
                    rotate_tiers_apart=True,
                    nobody_free="overflow",
                    overflow="spare",
                    max_hold={"hot": "90m"},
                    charge_owner_turn=False,
                ),
                pool(id="spare"),
            ],
        }
    )
    assert [(one.rep, one.weight) for one in teams.pool["mid_market"].members] == [
        ("bo", 1),
        ("ana", 3),
    ]
    assert teams.rep["ana"].email == "ana@acme.example"
    assert teams.rep["ana"].caps.week is None
    assert teams.pool["mid_market"].max_hold.of(TierName.HOT) == timedelta(minutes=90)
    assert teams.pool["spare"].nobody_free is NobodyFree.HOLD
    written = teams.model_dump_json(by_alias=True)
    assert '"hot":"90m"' in written
    assert Teams.model_validate_json(written) == teams
    assert Teams.model_json_schema()["properties"]["pools"]


GOOD = {"reps": [rep(), rep(id="bo", role="ae")], "pools": [pool(), pool(id="spare")]}


@pytest.mark.parametrize(
    ("path", "value", "loc", "message"),
    [
        (("reps", 1, "id"), "ana", ("reps", 1, "id"), "there twice"),
        (("pools", 1, "id"), "mid_market", ("pools", 1, "id"), "there twice"),
        (("pools", 0, "members"), ["ana", "anna"], ("pools", 0, "members", 1), "did you mean ana?"),
        (("pools", 0, "members"), ["ana", "ana"], ("pools", 0, "members", 1), "twice"),
        (("pools", 0, "members"), ["ana", "bo"], ("pools", 0, "members", 1), "for the sdr"),
        (("pools", 0, "members"), [], ("pools", 0, "members"), "at least 1"),
        (("pools", 0, "nobody_free"), "overflow", ("pools", 0, "nobody_free"), "which pool?"),
        (("pools", 0, "overflow"), "spar", ("pools", 0, "overflow"), "did you mean spare?"),
        (("pools", 0, "overflow"), "mid_market", ("pools", 0, "overflow"), "leads back"),
        (("pools", 0, "max_hold"), {"hot": 15}, ("pools", 0, "max_hold", "hot"), "15m"),
        (("reps", 0, "time_zone"), "Lisbon", ("reps", 0, "time_zone"), "no time zone"),
        (("reps", 0, "email"), "ana", ("reps", 0, "email"), "no e-mail address"),
        (("reps", 0, "id"), "Ana Silva", ("reps", 0, "id"), "pattern"),
        (("reps", 0, "caps"), {"day": 0}, ("reps", 0, "caps", "day"), "greater than"),
        (
            ("reps", 0, "leave"),
            [vacation("2026-12-02", "2026-12-01")],
            ("reps", 0, "leave", 0, "until"),
            "ends before",
        ),
    ],
)
def test_a_wrong_team_says_where(
    path: tuple[Any, ...], value: object, loc: tuple[Any, ...], message: str
) -> None:
    data = deepcopy(GOOD)
    parent: Any = data
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    with pytest.raises(ValidationError) as caught:
        Teams.model_validate(data)
    errors = [(error["loc"], error["msg"]) for error in caught.value.errors()]
    assert any(found == loc and message in text for found, text in errors), errors


def test_a_pool_needs_somebody_active() -> None:
    with pytest.raises(ValidationError, match="nobody in this pool is active"):
        Teams.model_validate({"reps": [rep(active=False)], "pools": [pool()]})


def test_pools_do_not_overflow_in_circles() -> None:
    data = deepcopy(GOOD)
    data["pools"] = [pool(overflow="spare"), pool(id="spare", overflow="mid_market")]
    with pytest.raises(ValidationError, match="leads back"):
        Teams.model_validate(data)


def test_calendars_must_exist() -> None:
    teams = Teams.model_validate(GOOD)
    assert calendar_faults(teams, Calendars(calendars={"office": OFFICE})) == []
    found = calendar_faults(teams, Calendars(calendars={"offices": OFFICE}))
    assert found[0] == (("reps", 0, "calendar"), "unknown calendar office; did you mean offices?")
    assert len(found) == 2
