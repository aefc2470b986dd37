"""A calendar that is read from its address: what is sent, what is understood, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import httpx
import pytest

from services.cli.readcalendar import Unread, read_calendar
from tests.unit.routing.test_leave_calendar import calendar

CHRISTMAS = calendar("DTSTART;VALUE=DATE:20261221\nDTEND;VALUE=DATE:20270102")
URL = "https://1.1.1.1/private-4711/basic.ics"
ASKED = {
    "url": URL,
    "time_zone": "Europe/Berlin",
    "today": "2026-11-28",
    "etag": None,
    "modified": None,
}


def said(
    status: int, content: bytes = b"", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """An answer that is not read yet."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


async def read(
    answer: Callable[[httpx.Request], httpx.Response], **asked: Any
) -> tuple[dict[str, Any], httpx.Request]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    told = await read_calendar({**ASKED, **asked}, httpx.MockTransport(handle))
    return told, seen[0]


async def test_days_and_what_to_ask_with_next_time() -> None:
    headers = {"etag": '"7"', "last-modified": "Sat, 28 Nov 2026 04:00:00 GMT"}
    told, _ = await read(lambda _: said(200, CHRISTMAS, headers))
    (away,) = told["days"]
    assert (away.first, away.last) == (date(2026, 12, 21), date(2027, 1, 1))
    assert (told["etag"], told["modified"]) == ('"7"', headers["last-modified"])


async def test_what_has_not_changed_is_not_sent_again() -> None:
    told, request = await read(lambda _: said(304), etag='"7"', modified="then")
    assert told == {"same": True}
    assert request.headers["if-none-match"] == '"7"'
    assert request.headers["if-modified-since"] == "then"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (said(404), "answers 404"),
        (said(302, b"", {"location": "https://10.0.0.1/"}), "answers 302"),
        (said(200, b"<html>log in</html>"), "no iCalendar file"),
        (said(200, b""), "no iCalendar file"),
        (said(200, CHRISTMAS[:-20]), "no iCalendar file"),
        (said(200, b"x" * (1024 * 1024 + 1)), "cannot be fetched"),
    ],
)
async def test_what_is_no_calendar_is_said_without_its_address(
    answer: httpx.Response, why: str
) -> None:
    with pytest.raises(Unread, match=why) as refused:
        await read(lambda _: answer)
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://1.1.1.1/a.ics", "https only"),
        ("https://127.0.0.1/a.ics", "private network"),
        ("https://[::ffff:10.0.0.1]/a.ics", "private network"),
        ("https://169.254.169.254/latest", "private network"),
        ("webcal://192.168.0.1/a.ics", "private network"),
        ("file:///etc/passwd", "https only"),
    ],
)
async def test_an_address_of_our_own_network_is_never_asked(url: str, why: str) -> None:
    with pytest.raises(Unread, match=why):
        await read(lambda _: said(200, CHRISTMAS), url=url)
