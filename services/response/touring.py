"""What assignments and activities mean for touch plans, and the task that says what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, cast
from uuid import UUID

import asyncpg
import structlog

from schemas.activity import ActivityName, ActivityRecorded
from schemas.assignment import AssignmentChanged
from services.response import cadence
from services.response.events import outputs
from services.response.measures import Meters
from services.response.model import Change, Happening, Lead, Phase
from services.response.policy import Policy
from services.response.store import cadences, due, feeds, leads
from services.response.store.leads import Key
from services.response.terms import Terms
from services.runtime.configstore import LiveConfig
from services.runtime.database import Connection, is_infrastructure
from services.runtime.outbox import Outbox

PERIOD_S: Final = 1.0
AT_ONCE: Final = 200

log = structlog.get_logger(__name__)


async def enrol(
    connection: Connection,
    found: Sequence[tuple[Lead, AssignmentChanged]],
    terms: Terms,
    now: datetime,
) -> list[Change]:
    """Put leads that a rep has into their plans, and end the plans of those that nobody has."""
    gone = [(lead.key, lead.status.value) for lead, _ in found if lead.phase is Phase.NOBODY]
    await cadences.stop(connection, gone)
    plans = terms.policy.cadence
    wanted: dict[Key, tuple[Lead, cadence.Enrolment]] = {}
    told: list[Change] = []
    for lead, event in found:
        plan = plans.plan_for(lead.tier, lead.motion)
        if plan is None or lead.rep_id is None or lead.phase is Phase.NOBODY:
            continue
        why = cadence.refusal(event, plans, now)
        if why is None:
            business = terms.business(lead, now)
            wanted[lead.key] = lead, cadence.enrolled(lead, plan, business, now)
        elif lead.attempt == 1:
            told.append(_line(lead, now, "not_enrolled", f"Not enrolled in {plan.id}: {why}."))
    made = await cadences.start(connection, [one for _, one in wanted.values()])
    for key in sorted(made):
        lead, one = wanted[key]
        text = f"Enrolled in {one.plan}: the first touch is due {one.due_at:%Y-%m-%d %H:%M} UTC."
        told.append(_line(lead, now, "enrolled", text))
    return told


async def heed(
    connection: Connection,
    told: Iterable[tuple[UUID, ActivityRecorded]],
    config: Policy,
    now: datetime,
) -> list[Change]:
    """End plans by what happened, count their mail, and pause those that bounce too often.

    :param told: activities with the lead that each is about.
    """
    given = [(lead_id, event) for lead_id, event in told if cadence.matters(event)]
    running = await cadences.running(connection, {lead_id for lead_id, _ in given})
    if not running:
        return []
    mail: list[tuple[str, bool]] = []
    over: dict[Key, str] = {}
    for lead_id, event in given:
        for key in (key for key in running if key[0] == lead_id):
            if event.activity in cadence.MAIL:
                bounced = event.activity is ActivityName.EMAIL_BOUNCED
                mail.append((running[key].plan, bounced))
            elif (why := cadence.ends(event)) is not None:
                over.setdefault(key, why)
    await cadences.stop(connection, over.items())
    sums = await cadences.count(connection, mail)
    dirty = [plan for plan, (s, b) in sums.items() if config.cadence.too_many_bounces(s, b)]
    await cadences.pause(connection, dirty, now)
    locked = await leads.lock(connection, {lead_id for lead_id, _ in over})
    return [
        _line(locked[key], now, "plan_ended", f"{running[key].plan} ends: {why}.")
        for key, why in over.items()
        if key in locked
    ]


class Touring:
    """The background task; any number of processes may run one."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: LiveConfig[Policy],
        meters: Meters,
        scale: float,
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._meters = meters
        self._scale = scale

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.tell_ends()
                while await self.once() == AT_ONCE:
                    pass
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.info("plans.waiting", waiting_for="postgres", error=type(error).__name__)
            await asyncio.sleep(PERIOD_S)

    async def once(self) -> int:
        """Say which touches are due; how many leads."""
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            horizon = await due.horizon(connection)
            if horizon.read_until is None:
                return 0
            keys = await cadences.due(connection, horizon.read_until, AT_ONCE)
            self._meters.paused(await cadences.plans(connection))
            if not keys:
                return 0
            config = await self._config.locked(connection)
            locked = await leads.lock_free(connection, keys)
            reps = {lead.rep_id for lead in locked.values() if lead.rep_id is not None}
            people = await feeds.hours(connection, reps)
            terms = Terms(config.value, config.version, people, self._scale)
            changes = await self._take_steps(connection, locked, terms, horizon.now)
            made = [out for change in changes for out in outputs(change, horizon.now)]
            stored = await self._outbox.store(connection, made)
        await self._outbox.release(stored)
        return len(keys)

    async def tell_ends(self) -> int:
        """Say which plans are over, where somebody was told of a touch; how many."""
        keys = await cadences.untold(cast(asyncpg.Connection, self._pool), AT_ONCE)
        if not keys:
            return 0
        async with self._pool.acquire() as proxy, proxy.transaction():
            connection = cast(asyncpg.Connection, proxy)
            locked = await leads.lock_free(connection, keys)
            over = await cadences.ended(connection, locked)
            now = await feeds.database_time(connection)
            told = []
            for one, why in over:
                lead = locked[one.lead_id, one.role.value]
                told.append(Change(lead, due=(cadence.plan_ended(one, lead, why, now),)))
            made = [out for change in told for out in outputs(change, now)]
            stored = await self._outbox.store(connection, made)
        await self._outbox.release(stored)
        return len(over)

    async def _take_steps(
        self, connection: Connection, locked: Mapping[Key, Lead], terms: Terms, now: datetime
    ) -> list[Change]:
        enrolments = await cadences.running(connection, {key[0] for key in locked})
        changes: list[Change] = []
        steps: list[tuple[Key, int, datetime, bool]] = []
        over: list[tuple[Key, str]] = []
        for key, lead in locked.items():
            one = enrolments.get(key)
            if one is None or one.due_at > now:
                continue
            plan = terms.policy.cadence.plan(one.plan)
            if plan is None or one.step > len(plan.touches):
                over.append((key, "the plan is no longer configured"))
                continue
            told = cadence.touch_due(one, lead, plan)
            line = _line(lead, now, "touch_due", told.note)
            changes.append(Change(lead, story=line.story, due=(told,)))
            business = terms.business(lead, one.started_at)
            steps.append((key, *cadence.following(one, plan, business, now)))
        await cadences.stop(connection, over)
        await cadences.advance(connection, steps)
        await leads.save(connection, changes, now)
        return changes


def _line(lead: Lead, at: datetime, what: str, text: str) -> Change:
    return Change(lead, story=(Happening(at, what, text, lead.assignment_id, lead.rep_id),))
