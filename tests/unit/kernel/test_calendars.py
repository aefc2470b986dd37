"""Calendars: hours, holidays, clock changes, and what is said about a wrong one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from services.kernel.calendars import (
    HORIZON,
    Block,
    Calendar,
    Calendars,
    add_business_time,
    business_seconds,
    is_open,
    next_change,
    next_open,
    open_intervals,
)

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar.model_validate({"hours": {"weekdays": "09:00-18:00"}})
LUNCH = Calendar.model_validate({"hours": {"weekdays": ["09:00-12:00", "13:00-17:00"]}})
NIGHT = Calendar.model_validate({"hours": {"every_day": "22:00-06:00"}})
ALWAYS = Calendar.model_validate({"hours": {"every_day": "00:00-24:00"}})
NEVER = Calendar.model_validate({"hours": {}})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("at", "is_it"),
    [
        ("2026-11-23T08:59:59", False),
        ("2026-11-23T09:00:00", True),
        ("2026-11-23T11:59:59.999999", True),
        ("2026-11-23T12:00:00", False),
        ("2026-11-23T13:00:00", True),
        ("2026-11-23T17:00:00", False),
        ("2026-11-22T10:00:00", False),
    ],
)
def test_open_from_the_first_minute_to_before_the_last(at: str, is_it: bool) -> None:
    assert is_open(LUNCH, NEW_YORK, wall(at, NEW_YORK)) is is_it


@pytest.mark.parametrize(
    ("start", "deadline"),
    [
        ("2026-11-27T19:00", "2026-11-30T09:05"),
        ("2026-11-28T12:00", "2026-11-30T09:05"),
        ("2026-11-28T22:00", "2026-11-30T09:05"),
        ("2026-11-29T17:58", "2026-11-30T09:05"),
        ("2026-11-27T17:58", "2026-11-30T09:03"),
        ("2026-11-27T17:55", "2026-11-27T18:00"),
        ("2026-11-27T18:00", "2026-11-30T09:05"),
        ("2026-11-27T08:00", "2026-11-27T09:05"),
    ],
)
def test_five_minutes_that_begin_while_it_is_closed(start: str, deadline: str) -> None:
    """The first four are the cases that a published help desk gets wrong by keeping the hour."""
    found = add_business_time(OFFICE, BERLIN, wall(start, BERLIN), minutes(5))
    assert found == wall(deadline, BERLIN)


def test_nothing_added_is_the_start_itself() -> None:
    start = wall("2026-11-28T12:00", BERLIN)
    assert add_business_time(OFFICE, BERLIN, start, timedelta()) == start


def test_a_full_day_ends_at_its_close() -> None:
    start = wall("2026-11-23T09:00", BERLIN)
    assert add_business_time(OFFICE, BERLIN, start, timedelta(hours=9)) == start + minutes(540)


def test_a_block_past_midnight_is_the_same_as_two() -> None:
    two = Calendar.model_validate(
        {"hours": {"every_day": ["22:00-24:00", "00:00-06:00"]}, "days_off": ["2026-11-25"]}
    )
    one = Calendar.model_validate(
        {"hours": {"every_day": "22:00-06:00"}, "days_off": ["2026-11-25"]}
    )
    start, end = utc("2026-11-20T00:00"), utc("2026-11-30T00:00")
    assert list(open_intervals(one, BERLIN, start, end)) == list(
        open_intervals(two, BERLIN, start, end)
    )
    assert not is_open(one, BERLIN, wall("2026-11-25T01:00", BERLIN))
    assert is_open(one, BERLIN, wall("2026-11-24T23:59", BERLIN))
    assert is_open(one, BERLIN, wall("2026-11-26T00:00", BERLIN))


def test_a_night_is_one_stretch() -> None:
    evening = wall("2026-11-23T23:00", BERLIN)
    assert next_change(NIGHT, BERLIN, evening) == wall("2026-11-24T06:00", BERLIN)


@pytest.mark.parametrize(
    ("calendar", "start", "end", "hours"),
    [
        # Germany: 29 March 2026 has no 02:00-03:00, 25 October has it twice.
        (ALWAYS, "2026-03-29T00:00", "2026-03-30T00:00", 23),
        (ALWAYS, "2026-10-25T00:00", "2026-10-26T00:00", 25),
        (NIGHT, "2026-03-28T12:00", "2026-03-29T12:00", 7),
        (NIGHT, "2026-10-24T12:00", "2026-10-25T12:00", 9),
    ],
)
def test_days_of_23_and_25_hours(calendar: Calendar, start: str, end: str, hours: int) -> None:
    seconds = business_seconds(calendar, BERLIN, wall(start, BERLIN), wall(end, BERLIN))
    assert seconds == hours * 3600


def test_an_hour_that_does_not_exist_is_never_open() -> None:
    gap = Calendar.model_validate({"hours": {"sunday": "02:00-03:00"}})
    assert next_open(gap, BERLIN, utc("2026-03-28T00:00")) == wall("2026-04-05T02:00", BERLIN)


def test_a_repeated_hour_is_open_twice() -> None:
    twice = Calendar.model_validate({"hours": {"sunday": "02:00-03:00"}})
    found = list(open_intervals(twice, BERLIN, utc("2026-10-24T00:00"), utc("2026-10-26T00:00")))
    assert found == [(utc("2026-10-25T00:00"), utc("2026-10-25T02:00"))]
    half = Calendar.model_validate({"hours": {"sunday": "02:00-02:30"}})
    found = list(open_intervals(half, BERLIN, utc("2026-10-24T00:00"), utc("2026-10-26T00:00")))
    assert found == [
        (utc("2026-10-25T00:00"), utc("2026-10-25T00:30")),
        (utc("2026-10-25T01:00"), utc("2026-10-25T01:30")),
    ]


def test_what_never_opens_and_never_closes() -> None:
    now = utc("2026-11-23T00:00")
    assert next_open(NEVER, BERLIN, now) is None
    assert next_change(NEVER, BERLIN, now) is None
    assert add_business_time(NEVER, BERLIN, now, minutes(1)) is None
    assert next_open(ALWAYS, BERLIN, now) == now
    assert next_change(ALWAYS, BERLIN, now) is None
    assert add_business_time(ALWAYS, BERLIN, now, HORIZON + minutes(1)) is None


def test_time_does_not_run_backwards() -> None:
    now = utc("2026-11-23T10:00")
    assert business_seconds(OFFICE, BERLIN, now, now - timedelta(days=3)) == 0


def test_holidays_of_a_place() -> None:
    new_york = Calendar.model_validate(
        {
            "hours": {"weekdays": "09:00-17:00"},
            "holidays": {"country": "US", "subdivision": "NY", "worked": ["columbus day"]},
            "days_off": [{"date": "2026-12-24", "name": "Company day"}],
            "working_days": ["2026-11-11"],
        }
    )
    assert new_york.rest_day(date(2026, 11, 26)) == "Thanksgiving Day"
    assert new_york.rest_day(date(2026, 12, 24)) == "Company day"
    assert new_york.rest_day(date(2026, 10, 12)) is None, "worked, by name"
    assert new_york.rest_day(date(2026, 11, 11)) is None, "worked, by date"
    assert new_york.spans(date(2026, 11, 26)) == ()
    assert new_york.spans(date(2026, 11, 11)) == ((540, 1020),)
    assert next_open(new_york, NEW_YORK, wall("2026-11-25T17:00", NEW_YORK)) == wall(
        "2026-11-27T09:00", NEW_YORK
    )


def test_a_part_of_a_country_has_its_own_holidays() -> None:
    def epiphany(subdivision: str | None) -> str | None:
        place = {"country": "DE"} | ({"subdivision": subdivision} if subdivision else {})
        return Calendar.model_validate({"hours": {}, "holidays": place}).rest_day(date(2026, 1, 6))

    assert epiphany("BY") == "Epiphany"
    assert epiphany("BE") is None
    assert epiphany(None) is None


def test_the_more_precise_day_wins() -> None:
    calendar = Calendar.model_validate(
        {
            "hours": {
                "every_day": "10:00-11:00",
                "weekdays": ["09:00-17:00"],
                "friday": "09:00-15:00",
                "sunday": [],
            }
        }
    )
    monday = date(2026, 11, 23)
    spans = [calendar.spans(monday + timedelta(days=day)) for day in range(7)]
    assert spans[:4] == [((540, 1020),)] * 4
    assert spans[4:] == [((540, 900),), ((600, 660),), ()]


@pytest.mark.parametrize("text", ["09:00-17:30", "00:00-24:00", "22:00-06:00", "18:00-24:00"])
def test_a_block_is_written_as_it_was_read(text: str) -> None:
    assert str(Block(text)) == text
    assert Block(f" {text[:5]} - {text[6:]} ") == Block(text)


@pytest.mark.parametrize(
    "text", ["9-17", "09:00", "09:00-25:00", "24:00-06:00", "09:00-09:00", "09:60-10:00", 9, None]
)
def test_a_wrong_block_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        Calendar.model_validate({"hours": {"monday": [text]}})


@pytest.mark.parametrize(
    ("calendar", "loc", "message"),
    [
        ({"hours": {"monday": ["09:00-12:00", "11:00-13:00"]}}, ("hours", "monday"), "overlap"),
        ({"hours": {"mondy": []}}, ("hours", "mondy"), "not permitted"),
        ({"hours": {}, "holidays": {"country": "XX"}}, ("holidays", 0, "country"), "XX"),
        (
            {"hours": {}, "holidays": {"country": "DE", "subdivision": "BX"}},
            ("holidays", 0, "subdivision"),
            "DE BX",
        ),
        (
            {"hours": {}, "holidays": {"country": "US", "worked": ["Colombus Day"]}},
            ("holidays", 0, "worked", 0),
            "columbus day",
        ),
        ({"hours": {}, "time_zone": "Europe/Lisbn"}, ("time_zone",), "Europe/Lisbn"),
        ({"hours": {}, "time_zone": "../etc/passwd"}, ("time_zone",), "no time zone"),
    ],
)
def test_a_wrong_calendar_says_where(
    calendar: object, loc: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Calendars.model_validate({"calendars": {"x": calendar}})
    (error,) = caught.value.errors()
    assert error["loc"] == ("calendars", "x", *loc)
    assert message in error["msg"]


def test_the_file_is_written_as_it_was_read() -> None:
    file = Calendars.model_validate(
        {
            "calendars": {
                "a": {
                    "hours": {"weekdays": ["22:00-06:00"]},
                    "holidays": [{"country": "DE", "subdivision": "BY"}],
                    "days_off": ["2026-12-24"],
                    "time_zone": "Europe/Berlin",
                }
            }
        }
    )
    assert Calendars.model_validate_json(file.model_dump_json()) == file
    assert list(file) == ["a"]
    assert "a" in file
    assert Calendars.model_json_schema()["properties"]["calendars"]
