"""``handraise reps import``: who of the people is whom in the CRM."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.cli import output, target
from services.cli.crm import opened
from services.cli.output import CommandError
from services.delivery.crm.byhand import ByHand, CrmSink
from services.delivery.crm.model import Owner
from services.delivery.crm.roster import Person, Roster, compare
from services.routing.config import parse
from services.runtime.configstore import ConfigStore


def import_(
    from_: Annotated[
        str, typer.Option("--from", help="hubspot, salesforce, or a sink of delivery.yaml.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only compare; nothing is stored.")
    ] = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Read the CRM's owners, find each rep among them by id or address, say who is missing."""
    where = target.find(data)

    async def read(crm: ByHand, config: CrmSink) -> tuple[str, list[Owner]]:
        with output.working("reads the CRM's owners"):
            owners = await crm.owners()
        if not dry_run:
            await crm.keep(owners)
        return config.owner_ids, owners

    system, owners = opened(where, from_, read)
    roster = compare(asyncio.run(_people(where, system)), owners)
    if json:
        output.emit({"system": system, "dry_run": dry_run, **roster.described()})
    else:
        _tell(roster, system, dry_run)
    if unfound := sum(not one.is_found for one in roster.reps):
        raise CommandError(f"{unfound} of {len(roster.reps)} reps have no owner in the CRM", 1)


async def _people(where: target.Target, system: str) -> list[Person]:
    """The reps of the active ``teams.yaml``."""
    async with target.connection(where.postgres) as conn:
        _, files = await ConfigStore().active(conn)
    reps = parse(files).teams.rep.values()
    return [Person(one.id, one.email, one.external_ids.get(system)) for one in reps]


def _tell(roster: Roster, system: str, dry_run: bool) -> None:
    rows = [
        {
            "rep": one.rep,
            "email": one.email,
            "owner": one.owner,
            f"{system} id": one.owner_id,
            "found by": one.found_by,
            "note": one.note,
        }
        for one in roster.reps
    ]
    output.show(rows, ["rep", "email", "owner", f"{system} id", "found by", "note"], "nobody")
    if roster.strangers:
        output.stdout.print("\nowners in the CRM who are nobody in teams.yaml", markup=False)
        strangers = [
            {"owner": one.name, "email": one.email, f"{system} id": one.owner_id}
            for one in roster.strangers
        ]
        output.show(strangers, ["owner", "email", f"{system} id"], "")
    found = sum(one.is_found for one in roster.reps)
    verb = "would be" if dry_run else "are"
    output.say(f"{found} of {len(roster.reps)} reps {verb} known in the CRM; "
               f"{len(roster.strangers)} of its owners are no rep")  # fmt: skip
