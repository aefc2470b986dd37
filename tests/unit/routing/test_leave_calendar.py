"""Which days of a calendar are days away."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from services.routing.leave_calendar import NotACalendar, days_away

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 23)


def calendar(*events: str) -> bytes:
    body = "".join(
        f"BEGIN:VEVENT\nUID:u{nth}\nDTSTAMP:20261101T000000Z\n{event}\nEND:VEVENT\n"
        for nth, event in enumerate(events)
    )
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


OOF = "X-MICROSOFT-CDO-BUSYSTATUS:OOF"


def away(*events: str) -> list[tuple[str, str]]:
    found = days_away(calendar(*events), BERLIN, TODAY)
    return [(one.first.isoformat(), one.last.isoformat()) for one in found]


@pytest.mark.parametrize(
    ("event", "days"),
    [
        # The end of an all-day event is the day after it (RFC 5545, 3.6.1).
        ("DTSTART;VALUE=DATE:20261221\nDTEND;VALUE=DATE:20270102", [("2026-12-21", "2027-01-01")]),
        ("DTSTART;VALUE=DATE:20261221", [("2026-12-21", "2026-12-21")]),
        ("DTSTART;VALUE=DATE:20261221\nSTATUS:CANCELLED", []),
        ("DTSTART;VALUE=DATE:20261221\nTRANSP:TRANSPARENT", []),
        (f"DTSTART;VALUE=DATE:20261221\nTRANSP:TRANSPARENT\n{OOF}", [("2026-12-21", "2026-12-21")]),
        ("DTSTART:20261201T090000Z\nDTEND:20261201T100000Z", []),
        # 23:00 UTC is midnight in Berlin.
        (
            f"DTSTART:20261130T230000Z\nDTEND:20261202T230000Z\n{OOF}",
            [("2026-12-01", "2026-12-02")],
        ),
        (
            f"DTSTART:20261201T120000Z\nDTEND:20261203T120000Z\n{OOF}",
            [("2026-12-02", "2026-12-02")],
        ),
        (f"DTSTART:20261201T080000Z\nDTEND:20261201T160000Z\n{OOF}", []),
        ("DTSTART;VALUE=DATE:20261101\nDTEND;VALUE=DATE:20261103", []),
        (
            "DTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;VALUE=DATE:20261208",
            [("2026-12-01", "2026-12-01"), ("2026-12-15", "2026-12-15")],
        ),
    ],
)
def test_whole_days_that_are_away_count(event: str, days: list[tuple[str, str]]) -> None:
    assert away(event) == days


def test_a_moved_time_of_a_repeated_event_keeps_its_name() -> None:
    every = "DTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY;COUNT=2"
    text = calendar(every).replace(
        b"END:VCALENDAR",
        b"BEGIN:VEVENT\r\nUID:u0\r\nDTSTAMP:20261102T000000Z\r\n"
        b"RECURRENCE-ID;VALUE=DATE:20261208\r\nDTSTART;VALUE=DATE:20261210\r\n"
        b"END:VEVENT\r\nEND:VCALENDAR",
    )
    before = {one.key for one in days_away(calendar(every), BERLIN, TODAY)}
    after = days_away(text, BERLIN, TODAY)
    assert {one.key for one in after} == before
    assert after[-1].first == date(2026, 12, 10)


@pytest.mark.parametrize("text", [b"", b"<html>log in</html>", b"BEGIN:VCALENDAR\r\n", b"\xff\xfe"])
def test_what_is_no_calendar_is_refused(text: bytes) -> None:
    with pytest.raises(NotACalendar):
        days_away(text, BERLIN, TODAY)
