"""The state that a simulation decides on: boards at any moment, counted leads, queues. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.base import Motion, RoleName
from services.kernel.people import LENGTH, Overlay, Window, steady_until, window_start
from services.routing.board import Board
from services.routing.eligibility import Barred
from services.routing.fairness import Turns
from services.routing.matching import matched_again
from services.routing.model import Given, Load, Waiting
from services.routing.overlay import RepChange, overlays
from services.routing.plan import Plan
from services.routing.review.traffic import Key, Known, Traffic
from services.routing.state import Colleague, Loaded


class _Windows:
    """When windows began, worked out once per zone and quarter of an hour."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, datetime], dict[Window, datetime]] = {}

    def at(self, zone: ZoneInfo, now: datetime) -> dict[Window, datetime]:
        minute = now.minute - now.minute % 15
        key = (zone.key, now.replace(minute=minute, second=0, microsecond=0))
        found = self._known.get(key)
        if found is None:
            found = {window: window_start(window, zone, now) for window in Window}
            self._known[key] = found
        return found


@dataclass(slots=True)
class Counted:
    """The leads that each rep was given, so that any window can be counted at any time."""

    times: dict[str, dict[tuple[str | None, Motion], list[datetime]]] = field(default_factory=dict)
    open: Counter[str] = field(default_factory=Counter)
    """Given and not taken up yet."""
    windows: _Windows = field(default_factory=_Windows)

    def add(self, rep: str, pool: str | None, motion: Motion, at: datetime) -> None:
        insort(self.times.setdefault(rep, {}).setdefault((pool, motion), []), at)

    def remove(self, rep: str, pool: str | None, motion: Motion, at: datetime) -> None:
        times = self.times.get(rep, {}).get((pool, motion), [])
        place = bisect_left(times, at)
        if place < len(times) and times[place] == at:
            del times[place]

    def load(self, rep: str, zone: ZoneInfo, now: datetime) -> Load:
        starts = self.windows.at(zone, now)
        given = tuple(
            Given(
                pool,
                motion,
                {w: len(times) - bisect_left(times, starts[w]) for w in Window},
                {w: len(times) - bisect_right(times, now - LENGTH[w]) for w in Window},
            )
            for (pool, motion), times in self.times.get(rep, {}).items()
        )
        return Load(given, self.open[rep])


class _Loads(dict[str, Load]):
    """Counts a rep's leads when they are asked for."""

    def __init__(self, plan: Plan, counted: Counted) -> None:
        super().__init__()
        self.plan, self.counted = plan, counted
        self.now: datetime | None = None

    def get(self, rep: str, default: Any = None) -> Any:
        person = self.plan.rep(rep)
        if person is None or self.now is None:
            return default
        return self.counted.load(rep, person.zone, self.now)


class Changed:
    """What operators had changed about people, at any moment as it was known then."""

    def __init__(self, changes: Iterable[RepChange]) -> None:
        self._changes = sorted(changes, key=lambda one: one.id)
        moments = {
            moment
            for one in self._changes
            for moment in (one.valid_from, one.valid_until, one.recorded_at, one.superseded_at)
            if moment is not None
        }
        self._moments = sorted(moments)
        self._known: dict[int, dict[str, Overlay]] = {}

    def at(self, now: datetime) -> dict[str, Overlay]:
        """Between two changes nothing changes."""
        place = bisect_right(self._moments, now)
        if place not in self._known:
            believed = [one for one in self._changes if one.believed(now)]
            self._known[place] = overlays(believed, now)
        return self._known[place]


class World:
    """Everything a board is made of."""

    def __init__(self, plan: Plan, version: str, traffic: Traffic) -> None:
        self.plan = plan
        self.version = version
        self.counted = Counted()
        self._loads = _Loads(plan, self.counted)
        self.loaded = Loaded(
            loads=self._loads,
            turns={rotation: Turns(members) for rotation, members in traffic.turns.items()},
        )
        self.changed = Changed(traffic.changes)
        self._pools = frozenset(plan.weights)
        self._absences: dict[str, tuple[datetime, datetime, Overlay, Barred | None]] = {}
        for rep, pool, motion, at in traffic.given:
            self.counted.add(rep, pool, Motion(motion), at)

    def board(self, now: datetime, role: RoleName) -> Board:
        """The board at ``now``; it shares its state with those before and after."""
        self._loads.now = now
        self.loaded.overlays = self.changed.at(now)
        board = _Board(self.plan, self.version, now, self._pools, self.loaded, role)
        board.absences = self._absences
        return board

    def match(self, key: Key, known: Known) -> None:
        """The account of a lead, chosen again among those that were found then."""
        if known.account is not None:
            self.loaded.matches[key[0]] = matched_again(
                known.account, self.plan.matching, self.plan.takes_leads
            )

    def owns(self, key: Key, account_key: str, rep: str, pool: str | None, at: datetime) -> None:
        if "." in account_key:  # else it is a lead's own id: nobody is a colleague
            colleagues = self.loaded.colleagues.setdefault(account_key, {})
            colleagues[key[0]] = Colleague(key[0], rep, pool, at)

    def disowns(self, key: Key, account_key: str) -> None:
        self.loaded.colleagues.get(account_key, {}).pop(key[0], None)

    def queue(self, pool: str) -> list[Waiting]:
        return self.loaded.waiting.setdefault(pool, [])

    def joins(self, pool: str, one: Waiting) -> None:
        insort(self.queue(pool), one, key=lambda other: other.rank)

    def leaves(self, pool: str, one: Waiting) -> None:
        queue = self.queue(pool)
        place = bisect_left(queue, one.rank, key=lambda other: other.rank)
        if place < len(queue) and queue[place].assignment_id == one.assignment_id:
            del queue[place]


class _Board(Board):
    """No record is stored, so nothing is hashed; who is away is asked once a stretch."""

    overlays_key = None
    absences: dict[str, tuple[datetime, datetime, Overlay, Barred | None]]

    def away(self, rep_id: str) -> Barred | None:
        overlay, person = self.loaded.overlays.get(rep_id), self.plan.rep(rep_id)
        if overlay is None or person is None:
            return self.plan.away(rep_id, self.now)
        known = self.absences.get(rep_id)
        if known is None or known[2] is not overlay or not known[0] <= self.now < known[1]:
            calendar = self.plan.calendars[person.calendar]
            why = super().away(rep_id)
            end = steady_until(person, calendar, self.now)
            known = self.absences[rep_id] = (self.now, end, overlay, why)
        return known[3]
