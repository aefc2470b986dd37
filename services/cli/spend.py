"""``handraise spend``: what providers were asked and what they cost, from enrichment's ledger."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from services.cli import output, target
from services.cli.leads import find_lead

_COLUMNS = """
       count(*) filter (where outcome is distinct from 'budget_stop') as questions,
       count(*) filter (where outcome = 'matched') as matched,
       count(*) filter (where outcome = 'no_match') as missed,
       count(*) filter (where outcome in ('rate_limited', 'quota', 'error', 'breaker_open'))
           as failed,
       count(*) filter (where outcome = 'budget_stop') as stopped,
       count(*) filter (where unsettled) as unsettled,
       sum(micros)::bigint as micros
"""
_BY_DAY = f"""
select day, provider, endpoint, {_COLUMNS}
from enrichment.ledger
where day > (now() at time zone 'utc')::date - $1::int and ($2::text is null or provider = $2)
group by day, provider, endpoint order by day desc, provider, endpoint
"""
_BY_LEAD = f"""
select lead_id, {_COLUMNS}
from enrichment.ledger
where day > (now() at time zone 'utc')::date - $1::int and ($2::text is null or provider = $2)
group by lead_id order by micros desc, lead_id limit $3
"""
_OF_LEAD = """
select asked_at, provider, endpoint, outcome, unsettled, micros
from enrichment.ledger where lead_id = $1 order by asked_at
"""
_COUNTS = ["questions", "matched", "missed", "failed", "stopped", "unsettled", "cost"]


def spend(
    days: Annotated[
        int, typer.Option("--days", min=1, max=36_500, help="UTC days, today included.")
    ] = 1,
    provider: Annotated[str | None, typer.Option(help="Of one provider only.")] = None,
    lead: Annotated[
        str | None, typer.Option(help="Each question about a lead (id, e-mail).")
    ] = None,
    by_lead: Annotated[bool, typer.Option("--by-lead", help="The dearest leads.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Leads shown with --by-lead.")] = 20,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """What providers were asked and cost, in the currency of their prices.

    Unsettled: a process died while it asked; what that may have cost counts as spent.
    """
    where = target.find(data)
    if lead is not None:
        rows, columns = asyncio.run(_of_lead(where, lead)), ["asked_at", "provider", "endpoint"]
        columns += ["outcome", "cost"]
    elif by_lead:
        rows = asyncio.run(_rows(where, _BY_LEAD, days, provider, limit))
        columns = ["lead_id", *_COUNTS]
    else:
        rows = asyncio.run(_rows(where, _BY_DAY, days, provider))
        columns = ["day", "provider", "endpoint", *_COUNTS]
    total = _amount(sum(row["micros"] for row in rows))
    for row in rows:
        row["cost"] = _amount(row.pop("micros"))
    if json:
        output.emit({"days": days, "rows": rows, "total": total})
        return
    output.show(rows, columns, "nothing was asked")
    if rows:
        output.stdout.print(f"in all {total}", markup=False)


async def _rows(where: target.Target, query: str, *arguments: Any) -> list[dict[str, Any]]:
    async with target.connection(where.postgres) as connection:
        return [dict(row) for row in await connection.fetch(query, *arguments)]


async def _of_lead(where: target.Target, lead: str) -> list[dict[str, Any]]:
    async with target.connection(where.postgres) as connection:
        lead_id = await find_lead(connection, where, lead)
        return [dict(row) for row in await connection.fetch(_OF_LEAD, lead_id)]


def _amount(micros: int) -> float:
    return micros / 1_000_000
