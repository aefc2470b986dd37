"""``handraise leads merge``: two leads of one person become one."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from services.cli import output, routing_api, target, whoami
from services.cli.leads import find_lead

app = typer.Typer(help="Two leads of one person become one.", no_args_is_help=True)
app.callback()(lambda: None)


@app.command()
def merge(
    survivor: Annotated[str, typer.Argument(help="Lead id or e-mail; it stands for both.")],
    other: Annotated[str, typer.Argument(help="Lead id or e-mail; it is over then.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the event.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Merge the second lead into the first, whose owner stays.

    Later submissions of either are the survivor's.
    """
    where = target.find(data)
    kept, gone = asyncio.run(_both(where, survivor, other))
    if kept == gone:
        output.emit({"survivor": kept, "merged": gone, "already": True}) if json else output.say(
            f"both are lead {kept} already"
        )
        return
    asked = {
        "lead_id": str(gone), "by": whoami.operator(), "reason": reason, "dry_run": dry_run,
    }  # fmt: skip
    with routing_api.client(where) as client:
        made = routing_api.answered(client.post(f"/v1/leads/{kept}/merge", json=asked))
    if json:
        output.emit(made)
        return
    output.show(made["changes"], ("lead_id", "role", "status", "rep", "reason"), "")
    if made["already"]:
        output.say(f"lead {gone} was merged into {kept} before")
    else:
        would = "would stand" if dry_run else "stands"
        output.say(f"lead {kept} {would} for both")


async def _both(where: target.Target, survivor: str, other: str) -> tuple[UUID, UUID]:
    async with target.connection(where.postgres) as connection:
        return (
            await find_lead(connection, where, survivor),
            await find_lead(connection, where, other),
        )
