"""Reads a person's calendar for routing, in a process of its own: address judged, size bounded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx

from services.routing.leave_calendar import NotACalendar, days_away
from services.runtime.outside import Forbidden, Outside

_MOST_BYTES: Final = 1024 * 1024
_TIMEOUT_S: Final = 20.0
_SCHEME: Final = "https://"


class Unread(Exception):
    """The calendar cannot be read; the message says why, without its address."""


async def read_calendar(
    asked: Mapping[str, Any], transport: httpx.AsyncBaseTransport | None = None
) -> dict[str, Any]:
    """The days away of a calendar, or that it has not changed.

    :raises Unread: with the reason.
    """
    url = str(asked["url"]).replace("webcal://", _SCHEME, 1)
    if not url.startswith(_SCHEME):
        raise Unread("a calendar is read over https only")
    headers = {
        "if-none-match": asked["etag"],
        "if-modified-since": asked["modified"],
        "accept": "text/calendar",
    }
    sent = {name: value for name, value in headers.items() if value is not None}
    async with httpx.AsyncClient(trust_env=False, transport=transport) as client:
        try:
            answer = await Outside(client, (), _TIMEOUT_S, _MOST_BYTES).request(
                "GET", url, headers=sent
            )
        except Forbidden:
            raise Unread("the calendar's address leads into a private network") from None
        except TimeoutError:
            raise Unread(f"the calendar does not come within {_TIMEOUT_S:g} s") from None
        except (OSError, httpx.InvalidURL) as error:
            raise Unread(f"the calendar cannot be fetched: {type(error).__name__}") from None
    if answer.status == 304:
        return {"same": True}
    if answer.status != 200:
        raise Unread(f"the calendar's address answers {answer.status}")
    try:
        zone, today = ZoneInfo(asked["time_zone"]), date.fromisoformat(asked["today"])
        days = days_away(answer.body, zone, today)
    except NotACalendar as fault:
        raise Unread(str(fault)) from None
    etag, modified = answer.headers.get("etag"), answer.headers.get("last-modified")
    return {"same": False, "days": days, "etag": etag, "modified": modified}
