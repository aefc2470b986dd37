"""``handraise erase``: a person is forgotten by every service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import asyncpg
import typer

from schemas.base import deterministic_id
from schemas.erasure import LeadErased
from schemas.topics import ERASURES
from services.capture.store import erasing as capture
from services.cli import output, target
from services.cli.leads import Nobody, find_lead
from services.cli.output import CommandError
from services.cli.publishing import publish
from services.delivery.store import erasing as delivery
from services.enrichment.store import erasing as enrichment
from services.response.store import erasing as response
from services.routing.store import erasing as routing
from services.runtime import erasure, migrate, records
from services.runtime.erasure import Held
from services.runtime.records import Output
from services.scoring.store import erasing as scoring

ROOMS: dict[str, Held] = {
    "capture": capture.HELD,
    "enrichment": enrichment.HELD,
    "scoring": scoring.HELD,
    "routing": routing.HELD,
    "response": response.HELD,
    "delivery": delivery.HELD,
}

_LOOK_S: Final = 0.2
_MERGED = """
select lead_id from routing.merged where merged_into = any($1::uuid[])
union select merged_into from routing.merged where lead_id = any($1::uuid[])
"""


@dataclass(slots=True)
class Erasure:
    """What is known of a person, and who has forgotten them."""

    leads: list[UUID]
    """The person's lead, and those that were merged with it."""
    rows: dict[str, dict[str, int]]
    """Service to its tables with the rows that are about them."""
    before: datetime | None
    """When they were erased already; None: they were not."""
    erased_at: datetime | None = None
    answered: dict[str, datetime] = field(default_factory=dict)

    @property
    def silent(self) -> list[str]:
        return [room for room in ROOMS if room not in self.answered]


def erase(
    person: Annotated[str, typer.Argument(help="E-mail or lead id.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be erased.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; it stands in the event, so no word about them.")
    ] = "",
    wait: Annotated[
        float, typer.Option("--wait", min=0, max=3600, help="Seconds for the services to answer.")
    ] = 60.0,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Have every service forget a person: their rows, and what is older and still comes.

    What they hand in afterwards is a new hand-raise. What stays and why: docs/privacy.md.
    """
    found = target.find(data)
    with output.working("counting" if dry_run else "erasing"):
        done = asyncio.run(_run(found, person, reason, wait, dry_run=dry_run))
    if json:
        output.emit(_told(done, dry_run=dry_run))
    else:
        _show(done, dry_run=dry_run)
    if not dry_run and done.silent:
        raise CommandError(
            f"not answered within {wait:g} s: {', '.join(done.silent)}; they will when they run"
            " (the same command shows it)"
        )


async def _run(
    where: target.Target, person: str, reason: str, wait: float, *, dry_run: bool
) -> Erasure:
    async with target.connection(where.postgres) as conn:
        await migrate.verify(conn, [f"services.{room}" for room in ROOMS])
        known = await _known(conn, where, person)
        if dry_run:
            return known
        again = await _is_under_way(conn, known)
        known.erased_at = known.before if again else await conn.fetchval("select now()")
        assert known.erased_at is not None
        events = [
            LeadErased(lead_id=lead, erased_at=known.erased_at, reason=reason)
            for lead in known.leads
        ]
        await publish(where.kafka, "handraise-erase", map(_output, events))
        await answers(conn, known, wait)
        return known


async def _known(conn: asyncpg.Connection, where: target.Target, person: str) -> Erasure:
    """:raises CommandError: nobody of that name was ever here."""
    unknown: CommandError | None = None
    try:
        leads = {await find_lead(conn, where, person)}
    except Nobody as error:
        leads, unknown = {error.token}, error
    while more := {row[0] for row in await conn.fetch(_MERGED, list(leads))} - leads:
        leads |= more
    rows = {room: await _rows(conn, held, leads) for room, held in ROOMS.items()}
    before = await conn.fetchval(
        "select max(erased_at) from capture.erasures where lead_id = any($1::uuid[])", list(leads)
    )
    if before is None and not any(rows.values()):
        raise unknown or CommandError(f"nothing is known of lead {person}")
    return Erasure(sorted(leads), rows, before)


async def _is_under_way(conn: asyncpg.Connection, known: Erasure) -> bool:
    """Whether the person was erased and has not come again: then it is only asked who answered."""
    if known.before is None:
        return False
    for room, tables in known.rows.items():
        done = await erasure.answers(conn, room, known.leads, known.before)
        if tables and len(done) == len(known.leads):
            return False
    return True


async def _rows(conn: asyncpg.Connection, held: Held, leads: Collection[UUID]) -> dict[str, int]:
    total: dict[str, int] = {}
    for lead in leads:
        for table, number in (await erasure.count(conn, held, lead)).items():
            total[table] = total.get(table, 0) + number
    return total


def _output(event: LeadErased) -> Output:
    return records.output(
        ERASURES,
        str(event.lead_id),
        event,
        event_id=deterministic_id(event.lead_id, "erased", event.erased_at.isoformat()),
        service="cli",
        at=event.erased_at,
    )


async def answers(conn: asyncpg.Connection, asked: Erasure, wait: float) -> None:
    """Until every service has answered for every lead, or the time is over."""
    ends = time.monotonic() + wait
    while True:
        for room in asked.silent:
            done = await erasure.answers(conn, room, asked.leads, asked.erased_at)
            if len(done) == len(asked.leads):
                asked.answered[room] = max(done.values())
        if not asked.silent or time.monotonic() >= ends:
            return
        await asyncio.sleep(_LOOK_S)


def _told(done: Erasure, *, dry_run: bool) -> dict[str, Any]:
    return {
        "leads": done.leads,
        "dry_run": dry_run,
        "erased_at": done.erased_at,
        "services": {
            room: {
                "rows": sum(done.rows[room].values()),
                "tables": done.rows[room],
                "answered_at": done.answered.get(room),
            }
            for room in ROOMS
        },
    }


def _show(done: Erasure, *, dry_run: bool) -> None:
    rows: list[Mapping[str, Any]] = [
        {
            "service": room,
            "rows": sum(tables.values()),
            "tables": sorted(name.partition(".")[2] for name in tables),
            "answered": done.answered.get(room, "-"),
        }
        for room, tables in done.rows.items()
    ]
    columns = ["service", "rows", "tables", *([] if dry_run else ["answered"])]
    output.show(rows, columns, "")
    leads = ", ".join(map(str, done.leads))
    output.say(f"{'would erase' if dry_run else 'erased'} lead {leads}")
