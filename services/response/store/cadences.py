"""Enrolments and plans. Callers hold a transaction, and the rows of the leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.response.cadence import WITHDRAWN, Enrolment
from services.response.store.leads import Key
from services.runtime.database import Connection

_ENROLMENTS = TypeAdapter(list[Enrolment])
_FIELDS = tuple(Enrolment.__dataclass_fields__)
_LIST = ", ".join(_FIELDS)
_EXCLUDED = ", ".join(f"excluded.{name}" for name in _FIELDS)

_START = f"""
insert into response.enrolments ({_LIST}, state)
select {_LIST}, 'running' from jsonb_populate_recordset(null::response.enrolments, $1)
on conflict (lead_id, role) do update
set ({_LIST}, state, reason, told) = ({_EXCLUDED}, 'running', null, true)
where response.enrolments.state <> 'running'
  and response.enrolments.raise_id <> excluded.raise_id
  and response.enrolments.reason is distinct from $2
returning lead_id, role
"""
# `step` is the next one: at 1 nobody was told of anything, and nothing has to stop.
_UNTOLD = "select lead_id, role from response.enrolments where not told order by lead_id limit $1"
_ENDED = f"""
update response.enrolments set told = true
where not told and (lead_id, role) in (select * from unnest($1::uuid[], $2::text[]))
returning {_LIST}, reason
"""
_RUNNING = f"""
select {_LIST} from response.enrolments
where state = 'running' and lead_id = any($1)
"""
_STOP = """
update response.enrolments e set state = 'stopped', reason = s.reason, told = e.step = 1
from unnest($1::uuid[], $2::text[], $3::text[]) as s(lead_id, role, reason)
where e.state = 'running' and e.lead_id = s.lead_id and e.role = s.role
"""
# A paused plan asks nobody; what is due meanwhile comes when a person resumes it.
_DUE = """
select e.lead_id, e.role from response.enrolments e
left join response.plans p on p.plan = e.plan
where e.state = 'running' and e.due_at <= $1 and p.paused_at is null
order by e.due_at limit $2
"""
_NEXT = """
update response.enrolments e set step = n.step, due_at = n.due_at, state = n.state
from unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::text[])
    as n(lead_id, role, step, due_at, state)
where e.lead_id = n.lead_id and e.role = n.role
"""
_COUNT = """
insert into response.plans as p (plan, sent, bounced)
select * from unnest($1::text[], $2::bigint[], $3::bigint[])
on conflict (plan) do update set sent = p.sent + excluded.sent,
                                 bounced = p.bounced + excluded.bounced
returning plan, sent, bounced
"""
_PAUSE = "update response.plans set paused_at = $2 where plan = any($1) and paused_at is null"
_RESUME = """
update response.plans set paused_at = null, sent = 0, bounced = 0, resumed_at = clock_timestamp(),
                          resumed_by = $2
where plan = $1 and paused_at is not null returning plan
"""
_PLANS = """
select coalesce(e.plan, p.plan) as plan, coalesce(e.running, 0)::int as running,
       coalesce(e.finished, 0)::int as finished, coalesce(e.stopped, 0)::int as stopped,
       coalesce(p.sent, 0)::int as sent, coalesce(p.bounced, 0)::int as bounced, p.paused_at,
       p.resumed_by
from (select plan, count(*) filter (where state = 'running') as running,
             count(*) filter (where state = 'finished') as finished,
             count(*) filter (where state = 'stopped') as stopped
      from response.enrolments group by plan) e
full join response.plans p using (plan)
order by 1
"""


async def start(connection: Connection, enrolments: Iterable[Enrolment]) -> set[Key]:
    """Enrol; gives who was.

    Not who is in a plan, was for the same hand-raise, or has withdrawn consent.
    """
    rows = [asdict(one) for one in enrolments]
    made = await connection.fetch(_START, rows, WITHDRAWN) if rows else []
    return {(row["lead_id"], row["role"]) for row in made}


async def running(connection: Connection, lead_ids: Collection[UUID]) -> dict[Key, Enrolment]:
    """The leads of these that are in a plan."""
    rows = await connection.fetch(_RUNNING, list(lead_ids))
    found = _ENROLMENTS.validate_python([dict(row) for row in rows])
    return {(one.lead_id, one.role.value): one for one in found}


async def stop(connection: Connection, reasons: Iterable[tuple[Key, str]]) -> None:
    """End the plans of leads, each with its reason."""
    given = [(lead_id, role, reason) for (lead_id, role), reason in reasons]
    if given:
        await connection.execute(_STOP, *map(list, zip(*given, strict=True)))


async def untold(connection: Connection, limit: int) -> list[Key]:
    """Leads whose plan is over and whose end was not told yet."""
    return [(row["lead_id"], row["role"]) for row in await connection.fetch(_UNTOLD, limit)]


async def ended(connection: Connection, keys: Collection[Key]) -> list[tuple[Enrolment, str]]:
    """Of these leads the plans whose end was not told yet, each with its reason; told from now."""
    given = ([key[0] for key in keys], [key[1] for key in keys])
    rows = [dict(row) for row in await connection.fetch(_ENDED, *given)]
    reasons = [row.pop("reason") for row in rows]
    return list(zip(_ENROLMENTS.validate_python(rows), reasons, strict=True))


async def due(connection: Connection, until: datetime, limit: int) -> list[Key]:
    """Leads with a touch that is due, the earliest first; not those of a paused plan."""
    rows = await connection.fetch(_DUE, until, limit)
    return [(row["lead_id"], row["role"]) for row in rows]


async def advance(connection: Connection, steps: Iterable[tuple[Key, int, datetime, bool]]) -> None:
    """The next touch of each lead and when it is due; True: that was the last."""
    rows = [
        (lead_id, role, step, due_at, "finished" if last else "running")
        for (lead_id, role), step, due_at, last in steps
    ]
    if rows:
        await connection.execute(_NEXT, *map(list, zip(*rows, strict=True)))


async def count(
    connection: Connection, mail: Iterable[tuple[str, bool]]
) -> dict[str, tuple[int, int]]:
    """Mail of plans, sent (False) or bounced (True); what each plan has come to."""
    sums: dict[str, list[int]] = {}
    for plan, bounced in mail:
        sums.setdefault(plan, [0, 0])[bounced] += 1
    if not sums:
        return {}
    rows = await connection.fetch(
        _COUNT,
        sorted(sums),
        [sums[plan][0] for plan in sorted(sums)],
        [sums[plan][1] for plan in sorted(sums)],
    )
    return {row["plan"]: (row["sent"], row["bounced"]) for row in rows}


async def pause(connection: Connection, plans: Collection[str], now: datetime) -> None:
    """These plans ask nobody until a person resumes them."""
    if plans:
        await connection.execute(_PAUSE, list(plans), now)


async def resume(connection: Connection, plan: str, by: str) -> bool:
    """Go on, and count anew; False where it was not paused."""
    return await connection.fetchval(_RESUME, plan, by) is not None


async def plans(connection: Connection) -> list[dict[str, Any]]:
    """Every plan that somebody was in, with what became of it."""
    return [dict(row) for row in await connection.fetch(_PLANS)]
