"""What if somebody is away, leaves, or has another cap: said in a few words. Pure.

``REP away WHEN``, ``REP left``, ``REP cap day=5``; WHEN is ``today``, ``tomorrow``, ``this week``,
``next week``, a date, or ``FROM..UNTIL``, both days included.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from schemas.base import deterministic_id
from services.kernel.faults import did_you_mean
from services.routing.overlay import CAP_NAMES, Kind, RepChange
from services.routing.review.traffic import Arrival, Event, Key, Known, News, Traffic

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_FAR = timedelta(days=366)
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = re.compile(r"(?P<rep>\S+)\s+(?P<what>away|left|cap)\s*(?P<rest>.*)", re.IGNORECASE)
_CAP = re.compile(rf"(?P<name>{'|'.join(CAP_NAMES)})\s*=\s*(?P<most>\d+)")


class Unclear(ValueError):
    """The words are not understood; the message is for a person."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """One supposition, and the days that it is about."""

    change: RepChange
    first: date
    last: date


def understood(text: str, today: date, reps: Collection[str], nth: int = 1) -> Supposed:
    """The change that the words stand for.

    :raises Unclear: they stand for none.
    """
    found = _WORDS.fullmatch(text.strip())
    if found is None:
        raise Unclear(f"{text!r}: say REP away next week, REP left, or REP cap day=5")
    rep = _named(found["rep"], reps)
    first, last = today + _DAY * (7 - today.weekday()), today + _DAY * (13 - today.weekday())
    match found["what"].lower():
        case "away":
            first, last = _days(found["rest"].strip().lower() or "next week", today)
            value: dict[str, Any] = {"from": first.isoformat(), "until": last.isoformat()}
            kind = Kind.LEAVE
        case "left":
            kind, value = Kind.LEFT, {}
        case _:
            kind, value = Kind.CAP, _caps(found["rest"])
    change = RepChange(
        id=2**62 + nth, rep_id=rep, kind=kind, value=value, valid_from=_ALWAYS, valid_until=None,
        recorded_at=_ALWAYS, by="what-if", note=text,
    )  # fmt: skip
    return Supposed(change, first, last)


def _named(text: str, reps: Collection[str]) -> str:
    """A rep by id, or by the part before the dot where only one has it."""
    if text.lower() in reps:
        return text.lower()
    alike = [rep for rep in reps if rep.split(".")[0] == text.lower()]
    if len(alike) == 1:
        return alike[0]
    hint = f"; which of {', '.join(alike)}?" if alike else did_you_mean(text, tuple(reps))
    raise Unclear(f"unknown rep {text}{hint}")


def _days(words: str, today: date) -> tuple[date, date]:
    monday = today - _DAY * today.weekday()
    match words:
        case "today":
            return today, today
        case "tomorrow":
            return today + _DAY, today + _DAY
        case "this week":
            return today, monday + 6 * _DAY
        case "next week":
            return monday + _WEEK, monday + _WEEK + 6 * _DAY
    first, _, last = words.partition("..")
    try:
        start = date.fromisoformat(first.strip())
        end = date.fromisoformat(last.strip()) if last else start
    except ValueError:
        raise Unclear(f"{words!r} is no time: say next week, or 2026-12-01..2026-12-05") from None
    if end < start:
        raise Unclear(f"{words!r} ends before it begins")
    if not (today - _FAR <= start and end <= today + _FAR):
        raise Unclear(f"{words!r} lies more than a year from now")
    return start, end


def _caps(words: str) -> dict[str, int]:
    found = {one["name"]: int(one["most"]) for one in _CAP.finditer(words)}
    if not found:
        raise Unclear(f"{words!r} is no cap: say day=5, with {', '.join(CAP_NAMES)}")
    return found


def window(supposed: Iterable[Supposed], now: datetime) -> tuple[datetime, datetime, timedelta]:
    """The time that suppositions are about, and how far back the traffic for it lies.

    Whole weeks, so that a Monday is played by a Monday.
    """
    days = list(supposed)
    since = datetime.combine(min(one.first for one in days), time(), UTC)
    until = datetime.combine(max(one.last for one in days) + _DAY, time(), UTC)
    return since, until, _WEEK * max(1, -(-(until - now) // _WEEK))


def moved(traffic: Traffic, by: timedelta) -> list[Event]:
    """The events of a period, later by so much and of other leads.

    Whoever was a stranger then is one again: a lead comes from a company of its own, unless its
    company had an owner when it came.
    """
    return [_moved(event, by) for event in traffic.events]


def _moved(event: Event, by: timedelta) -> Event:
    key = _other(event.key)
    match event:
        case Arrival():
            recorded = replace(event.recorded, at=event.recorded.at + by)
            return replace(
                event, at=event.at + by, key=key, assignment_id=_id(event.assignment_id),
                known=_later(event.known, by), recorded=recorded,
            )  # fmt: skip
        case News():
            return replace(event, at=event.at + by, key=key, known=_later(event.known, by))
        case _:
            return replace(event, at=event.at + by, key=key)


def _later(known: Known, by: timedelta) -> Known:
    account = known.account_key if known.owned else f"what-if.{known.account_key}"
    return replace(known, received_at=known.received_at + by, account_key=account)


def _other(key: Key) -> Key:
    return _id(key[0]), key[1]


def _id(known: UUID) -> UUID:
    return deterministic_id(known, "what-if")
