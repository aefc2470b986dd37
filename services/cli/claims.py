"""``handraise claims`` and ``handraise claim``: leads that a pool's members take themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli import output, routing_api, target
from services.cli.assignments import Role, ask

_COLUMNS = (
    "assignment_id", "tier", "kind", "company", "job_title", "country", "score", "received_at",
    "offered_until",
)  # fmt: skip


def claims(
    pool: Annotated[str, typer.Argument(help="A pool with `pull` in teams.yaml.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """List the leads that a pool's members may claim, by tier and age."""
    with routing_api.client(target.find(data)) as client:
        found = routing_api.answered(client.get(routing_api.path("pools", pool, "claims")))
    if json:
        output.emit(found)
        return
    rows = [{**one, "score": f"{one['score'] / 100:g}"} for one in found]
    output.show(rows, _COLUMNS, "nothing is offered now")


def claim(
    lead: Annotated[str, typer.Argument(help="Assignment id, lead id or e-mail.")],
    rep: Annotated[str, typer.Option("--rep", help="Who claims it; a member of the pool.")],
    role: Role = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Take a lead from the list of its pool. Of two who claim it the first has it."""
    ask("claim", lead, role, {"rep_id": rep}, data, json)
