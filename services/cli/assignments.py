"""``handraise assignments``: who has a lead, and moving it by hand."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

import typer

from services.cli import output, routing_api, target, whoami
from services.cli.leads import find_lead
from services.cli.output import CommandError

app = typer.Typer(
    help="Move leads by hand: reassign, correct, escalate, release, divert, accept, return, …",
    no_args_is_help=True,
)

_ATTEMPTS = """
select distinct on (cycle, attempt, role) assignment_id, role, cycle, attempt, status, rep_id,
       pool, at, reason
from routing.story where lead_id = $1 and status <> 're_engaged'
order by role, cycle, attempt, sequence desc
"""
_SURVIVOR = "select merged_into from routing.merged where lead_id = $1"
_OPEN = ("assigned", "reassigned", "accepted", "escalated", "held", "nurtured")

Lead = Annotated[str, typer.Argument(help="Assignment id, lead id or e-mail.")]
To = Annotated[str | None, typer.Option("--to", help="Rep id; without it the pool's turn decides.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the event.")]
Rep = Annotated[str, typer.Option("--rep", help="The rep who has the lead.")]
Role = Annotated[str | None, typer.Option("--role", help="sdr, ae or csm, where several have it.")]


@app.command("list")
def list_(lead: Lead, data: output.DataOption = None, json: output.JsonOption = False) -> None:
    """Every attempt of a lead, by role, cycle and attempt."""
    found = asyncio.run(_attempts(target.find(data), lead))
    if json:
        output.emit(found)
    else:
        columns = [
            "assignment_id",
            "role",
            "cycle",
            "attempt",
            "status",
            "rep_id",
            "pool",
            "reason",
        ]
        output.show(found, columns, "there is none")


@app.command()
def reassign(
    lead: Lead,
    reason: Reason,
    to: To = None,
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Give a lead to somebody else. The turn is not given back."""
    ask("reassign", lead, role, {"to": to, "reason": reason}, data, json)


@app.command()
def correct(
    lead: Lead,
    to: Annotated[str, typer.Option("--to", help="The rep who should have had it.")],
    reason: Reason,
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Mend a wrong decision. The wrong rep's turn is given back, the right one's is charged."""
    ask("correct", lead, role, {"to": to, "reason": reason}, data, json)


@app.command()
def escalate(
    lead: Lead,
    reason: Reason,
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Give a lead to the manager of its pool."""
    ask("escalate", lead, role, {"reason": reason}, data, json)


@app.command()
def release(
    lead: Lead,
    reason: Reason,
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Close a lead. Its next submission starts a new cycle."""
    ask("release", lead, role, {"reason": reason}, data, json)


@app.command()
def divert(
    lead: Lead,
    kind: Annotated[str, typer.Option("--as", help="What it is: support, applicant, vendor, …")],
    reason: Reason,
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Say that it is no lead. It is closed, nobody else gets it, and the turn is given back."""
    ask("divert", lead, role, {"kind": kind, "reason": reason}, data, json)


@app.command()
def accept(
    lead: Lead,
    rep: Rep,
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Accept for a rep."""
    ask("accept", lead, role, {"rep_id": rep}, data, json)


@app.command()
def reject(
    lead: Lead,
    rep: Rep,
    reason: Reason,
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Reject for a rep. Somebody else of the pool gets it, and the turn is given back."""
    ask("reject", lead, role, {"rep_id": rep, "reason": reason}, data, json)


@app.command("return")
def hand_back(
    lead: Lead,
    rep: Rep,
    reason: Reason,
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Return a lead for an account executive to who qualified it."""
    ask("return", lead, role or "ae", {"rep_id": rep, "reason": reason}, data, json)


def ask(
    action: str,
    lead: str,
    role: str | None,
    body: dict[str, Any],
    data: Any,
    json: bool,
) -> None:
    """Post a request about the open attempt of a lead, and say what came of it."""
    where = target.find(data)
    assignment = asyncio.run(_open_attempt(where, lead, role))
    sent = {name: value for name, value in body.items() if value is not None}
    if "rep_id" not in sent:
        sent["by"] = whoami.operator()
    with routing_api.client(where) as client:
        answer = routing_api.answered(
            client.post(f"/v1/assignments/{assignment}/{action}", json=sent)
        )
    if json:
        output.emit(answer)
    else:
        output.say(f"assignment {answer['assignment_id']} is {answer['status']}")


async def _open_attempt(where: target.Target, named: str, role: str | None) -> UUID:
    """The assignment that is meant: itself, or the open one of a lead."""
    found = [
        one
        for one in await _attempts(where, named)
        if one["status"] in _OPEN and role in (None, one["role"])
    ]
    by_id = [one for one in found if str(one["assignment_id"]) == named]
    found = by_id or found
    if not found:
        raise CommandError(f"nobody has {named} now")
    if len(found) > 1:
        roles = ", ".join(str(one["role"]) for one in found)
        raise CommandError(f"{named} is with several roles ({roles}): say which with --role", 2)
    id_: UUID = found[0]["assignment_id"]
    return id_


async def _attempts(where: target.Target, named: str) -> list[dict[str, Any]]:
    async with target.connection(where.postgres) as connection:
        lead_id = await find_lead(connection, where, named)
        lead_id = await connection.fetchval(_SURVIVOR, lead_id) or lead_id
        owner = await connection.fetchval(
            "select lead_id from routing.story where assignment_id = $1 limit 1", lead_id
        )
        rows = await connection.fetch(_ATTEMPTS, owner or lead_id)
    return [dict(row) for row in rows]
