"""Business time of a lead: whose hours count, what happens where they never meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.answering import Business, Hours, business_of
from services.response.config import parse
from services.response.policy import Policy
from services.runtime.configfile import ConfigError

TEAMS = """
reps:
  - {id: ana, name: Ana, email: ana@x.example, role: sdr, time_zone: Europe/Berlin,
     calendar: office}
  - {id: noa, name: Noa, email: noa@x.example, role: sdr, time_zone: Pacific/Auckland,
     calendar: office}
pools:
  - {id: desk, role: sdr, members: [ana, noa]}
"""
CALENDARS = """
calendars:
  office: {hours: {weekdays: "09:00-18:00"}, holidays: {country: DE}}
  early: {hours: {weekdays: "08:00-17:00"}, time_zone: Europe/Berlin}
  never: {hours: {}}
"""
TEAM = "teams: {desk: {calendar: early}}\n"


def policy(response: str = TEAM, calendars: str = CALENDARS) -> Policy:
    return parse({"response.yaml": response, "teams.yaml": TEAMS, "calendars.yaml": calendars})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def business(
    rules: Policy, start: str, rep: str = "ana", heard: Hours | None = None, scale: float = 1.0
) -> Business:
    return business_of(rules, "desk", rep, heard, utc(start), scale)


def due(rules: Policy, start: str, minutes: float, rep: str = "ana", **more: float) -> datetime:
    return business(rules, start, rep, **more).due(utc(start), timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        ("2026-11-23T08:30", 5, "2026-11-23T08:35"),  # both work: 9:30 in Berlin
        ("2026-11-23T07:30", 5, "2026-11-23T08:05"),  # the team works, Ana does not yet
        ("2026-11-23T16:30", 5, "2026-11-24T08:05"),  # Ana works, the team has gone
        ("2026-11-23T15:58", 5, "2026-11-24T08:03"),  # two minutes are left today
        ("2026-11-23T16:00", 5, "2026-11-24T08:05"),  # at the very close
        ("2026-11-27T19:00", 5, "2026-11-30T08:05"),  # Friday evening
        ("2026-11-28T12:00", 5, "2026-11-30T08:05"),  # on a closed day
        ("2026-12-24T15:59", 5, "2026-12-28T08:04"),  # over holidays and a weekend
        ("2026-03-27T15:59", 5, "2026-03-30T07:04"),  # the clock goes forward on Sunday
        ("2026-10-23T14:59", 5, "2026-10-26T08:04"),  # and back
    ],
)
def test_only_time_counts_in_which_team_and_person_work(
    start: str, minutes: int, expected: str
) -> None:
    assert due(policy(), start, minutes) == utc(expected)


@pytest.mark.parametrize(
    ("no_common_hours", "expected"),
    [
        ("wall_clock", "2026-11-23T10:05"),
        ("team", "2026-11-23T10:05"),  # 11:05 in Berlin
        ("person", "2026-11-23T20:05"),  # Tuesday, 9:05 in Auckland
        ("now", "2026-11-23T10:00"),
    ],
)
def test_hours_that_never_meet_are_a_policy_and_no_endless_clock(
    no_common_hours: str, expected: str
) -> None:
    rules = policy(TEAM + f"no_common_hours: {no_common_hours}\n")
    assert due(rules, "2026-11-23T10:00", 5, "noa") == utc(expected)


def test_nobody_ever_works_and_still_there_is_a_deadline() -> None:
    rules = policy("teams: {desk: {calendar: never, time_zone: UTC}}\nno_common_hours: team\n")
    assert due(rules, "2026-11-23T10:00", 5) == utc("2026-11-23T10:05")


def test_no_deadline_lies_further_away_than_the_longest() -> None:
    rules = policy(TEAM + "longest: 3d\n")
    assert due(rules, "2026-11-23T08:00", 60 * 24 * 9) == utc("2026-11-26T08:00")


def test_hours_that_people_tell_win_over_the_configured_ones() -> None:
    heard = Hours("office", "America/New_York")
    found = business(policy(), "2026-11-23T10:00", heard=heard)
    assert found.due(utc("2026-11-23T10:00"), timedelta(minutes=5)) == utc("2026-11-23T14:05")


def test_a_calendar_that_is_gone_counts_the_team_only() -> None:
    found = business(policy(), "2026-11-23T07:30", heard=Hours("gone", "Europe/Berlin"))
    assert found.due(utc("2026-11-23T07:30"), timedelta(minutes=5)) == utc("2026-11-23T07:35")


def test_a_scale_shortens_the_night_too() -> None:
    start = "2026-11-23T20:00"
    opens = business(policy(), start, scale=60).opening(utc(start))
    assert opens == utc("2026-11-23T20:12")  # twelve hours
    # From there on five minutes of work are five seconds, and the night is not counted again.
    found = business(policy(), start, scale=60).due(opens, timedelta(minutes=5))
    assert found == opens + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teams: {dsk: {}}", "did you mean desk"),
        ("teams: {desk: {calendar: oficce}}", "did you mean office"),
        ("teams: {desk: {calendar: office}}", "which zone"),
        ("teams: {desk: {time_zone: UTC}}", "which calendar"),
        ("teams: {desk: {time: team}}", "needs the team's calendar"),
        ("tiers: {hot: {reminder: 5m, breach: 3m}}", "comes before the reminder"),
        ("tiers: {hot: {breach: 0m}}", "greater than"),
        ("tiers: {hot: {breech: 5m}}", "breech"),
        ("hops: -1", "hops"),
        ("time: office", "time"),
    ],
)
def test_a_fault_names_its_line_and_path(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy("hops: 2\n" + text if not text.startswith("hops") else text)
    assert said in str(caught.value)
    assert "response.yaml:" in str(caught.value)


def test_without_the_file_no_clock_runs() -> None:
    rules = parse({"teams.yaml": TEAMS, "calendars.yaml": CALENDARS})
    assert all(steps.breach is None for steps in rules.steps.values())
