"""Keeps leave as people's own calendars say, by reading the address of each every 15 minutes.

The reading is done in a process of its own: the one that decides leads talks to no stranger and
parses no stranger's file. What fails changes nothing but the state that `reps show` tells.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic_core import to_json

from services.kernel.people import Rep
from services.routing.leave_calendar import Away
from services.routing.plan import Plan
from services.routing.staff.changes import Reps
from services.routing.staff.leaves import make_leave
from services.routing.staff.session import Author, RepFault
from services.routing.store import leave_feeds as store
from services.routing.store.leave_feeds import Feed
from services.runtime.apart import Apart
from services.runtime.configstore import LiveConfig
from services.runtime.problems import Problem
from services.runtime.settings import Secrets

log = structlog.get_logger(__name__)

PERIOD_S: Final = 30.0
WHOLE_AGAIN: Final = timedelta(days=1)
"""Read as a whole at least so often: what repeats goes on, and later days come near."""
_BY: Final = "calendar"


class LeaveFeeds:
    """The background task; any number of processes may run one, each calendar is read by one."""

    def __init__(
        self, reps: Reps, config: LiveConfig[Plan], apart: Apart, secrets: Secrets
    ) -> None:
        self._reps = reps
        self._config = config
        self._apart = apart
        self._secrets = secrets

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            while await self.once():
                pass
            await asyncio.sleep(PERIOD_S)

    async def once(self) -> bool:
        """Read the calendar that is due first; whether there was one."""
        plan = self._config.current.value
        named = {rep.id: rep for rep in plan.teams.reps if rep.leave_calendar is not None}
        feed = await store.take(self._reps.pool, named) if named else None
        if feed is None:
            return False
        try:
            await self._read(feed, named[feed.rep_id])
        except (Problem, RepFault) as fault:
            said = fault.detail or fault.title if isinstance(fault, Problem) else str(fault)
            await store.failed(self._reps.pool, feed.rep_id, said)
            log.warning("leave.calendar_failed", rep_id=feed.rep_id)
        return True

    async def _read(self, feed: Feed, rep: Rep) -> None:
        url = self._address(rep)
        address = hashlib.sha256(url.encode()).hexdigest()
        known = feed.address == address and feed.read_at is not None
        fresh = known and feed.now - (feed.read_at or feed.now) < WHOLE_AGAIN
        asked = {
            "url": url,
            "time_zone": rep.time_zone,
            "today": feed.now.astimezone(rep.zone).date(),
            "etag": feed.etag if fresh else None,
            "modified": feed.modified if fresh else None,
        }
        told = await self._apart.run("calendar", asked)
        if told["same"]:
            await store.is_same(self._reps.pool, rep.id)
            return
        days = hashlib.sha256(to_json(told["days"])).hexdigest()
        if not (fresh and days == feed.days):
            await make_leave(self._reps, Author(_BY, "leave_calendar"), rep.id, _days(told))
        await store.was_read(self._reps.pool, rep.id, address, told["etag"], told["modified"], days)

    def _address(self, rep: Rep) -> str:
        """:raises RepFault: it is a secret that the environment does not have."""
        assert rep.leave_calendar is not None
        if rep.leave_calendar.url is not None:
            return rep.leave_calendar.url
        name = rep.leave_calendar.secret or ""
        values = self._secrets.get(name)
        if not values:
            raise RepFault(f"HANDRAISE_SECRET_{name} is not set")
        return values[0].decode(errors="replace").strip()


def _days(told: Mapping[str, Any]) -> list[Away]:
    return [Away.of(one) for one in told["days"]]
