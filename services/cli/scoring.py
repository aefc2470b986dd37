"""``handraise scoring``: what a lead is worth, line by line."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import typer

from services.cli import output, target
from services.cli.leads import find_lead
from services.cli.output import CommandError
from services.kernel.identity.domains import registrable_domain
from services.runtime.configstore import ConfigStore, NoConfiguration
from services.scoring.committee import committee
from services.scoring.explain import qualification as explained
from services.scoring.explain import reasons
from services.scoring.rules import Rules, parse
from services.scoring.simulation import Recorded
from services.scoring.store import people, recorded

app = typer.Typer(help="Scores and their ledgers.", no_args_is_help=True)

_LATEST = """
select score_revision, at, fit, intent, total, tier, mql, sql, ledger, version
from scoring.story where lead_id = $1 order by score_revision desc limit 1
"""
_DRIP = """
select pool, count(*) filter (where released_at is null) as waiting,
       count(*) filter (where released_at is null and signals > 0) as with_signals,
       min(since) filter (where released_at is null) as oldest,
       count(*) filter (where released_at > now() - interval '24 hours') as given_24h,
       count(released_at) as given
from scoring.drip group by pool order by pool
"""

_DISQUALIFIED = """
select lead_id, account_key, reason, at, returns_at, listed from scoring.disqualified
order by returns_at nulls last, at, lead_id
"""


@app.callback()
def scoring() -> None:
    """Scores and their ledgers."""


@app.command()
def explain(
    lead: Annotated[str, typer.Argument(help="Lead id or e-mail.")],
    why: Annotated[bool, typer.Option("--why", help="Which values made each rule hold.")] = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """The ledger of a lead's latest score; its lines add up to the total."""
    found = asyncio.run(_explain(target.find(data), lead, why))
    if json:
        output.emit(found)
        return
    rows = [_line(line) for line in found["ledger"]]
    columns = ["dimension", "group", "rule", "points", "for", "expires", *(["why"] if why else [])]
    output.show(rows, columns, "no line")
    output.stdout.print(
        f"fit {points(found['fit'])} + intent {points(found['intent'])} = "
        f"{points(found['total'])}: {found['tier']}{', MQL' if found['mql'] else ''} "
        f"(revision {found['score_revision']}, configuration {found['version']})",
        markup=False,
    )
    if found["qualification"]:
        _show_qualification(found["qualification"])


def _show_qualification(found: dict[str, Any]) -> None:
    columns = ["criterion", "state", "answer", "source", "ask"]
    output.show(found["criteria"], columns, "the definition asks for nothing")
    output.stdout.print(_verdict(found), markup=False)


def _verdict(found: dict[str, Any]) -> str:
    if found["sql"]:
        return "sales-qualified"
    if out := found["disqualified"]:
        back = str(out["returns_at"])[:10] if out["returns_at"] else "not by itself"
        said = _said(out["reason"], listed=out["listed"])
        return f"disqualified for {said} on {out['at'][:10]}; comes back: {back}"
    missing = ", ".join(found["missing"]) or "a definition"
    return f"not sales-qualified; missing: {missing}"


def _line(line: dict[str, Any]) -> dict[str, Any]:
    """As a person reads it: points, days."""
    at, expires = line["at"], line["expires_at"]
    return {
        **line,
        "points": points(line["points"]),
        "for": f"{line['what']}, {at:%Y-%m-%d}" if line["what"] else "",
        "expires": str(expires)[:10] if expires else "",
        "why": "; ".join(line.get("why", ())),
    }


@app.command()
def account(
    named: Annotated[str, typer.Argument(help="Domain, lead id or e-mail.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Who of an account is known, what they are in a purchase, who is missing."""
    found = asyncio.run(_account(target.find(data), named))
    if json:
        output.emit(found)
        return
    rows = [{**one, "points": points(one["total"])} for one in found["people"]]
    columns = ["lead_id", "role", "seniority", "department", "tier", "points"]
    output.show(rows, columns, "nobody")
    missing = ", ".join(found["missing"]) or "nobody"
    output.say(
        f"{found['account_key']}: {points(found['score'])} points; committee "
        f"{found['completeness']:.0%} known, missing: {missing}"
    )


@app.command()
def learn(
    outcome: Annotated[
        str, typer.Option(help="replied, connected, qualified or won.")
    ] = "qualified",
    horizon: Annotated[
        int, typer.Option(min=1, max=730, help="Days that a lead has to come to it.")
    ] = 90,
    top: Annotated[
        float, typer.Option(min=0.01, max=1, help="The part of the list that is called first.")
    ] = 0.1,
    diff: Annotated[
        Path | None, typer.Option("--diff", help="Write the proposed change here.")
    ] = None,
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """What the scores foretold and what came of it; weights that would do better, to accept.

    Changes nothing. Needs scikit-learn: pip install 'handraise[learn]'.
    """
    from services.cli import learning

    dsn = postgres or target.find(data).postgres
    learning.run(dsn, outcome, timedelta(days=horizon), top, diff, json=json)


@app.command()
def drip(data: output.DataOption = None, json: output.JsonOption = False) -> None:
    """Who waits for a turn of each pool's daily drip, and how many had theirs since yesterday."""
    rows = asyncio.run(_rows(target.find(data), _DRIP))
    if json:
        output.emit(rows)
        return
    columns = ["pool", "waiting", "with_signals", "oldest", "given_24h", "given"]
    output.show(rows, columns, "nobody waits, and nobody was given a turn")


@app.command("disqualified")
def given_up(data: output.DataOption = None, json: output.JsonOption = False) -> None:
    """Whom sales gave up, why, and when they come back; those who come back soonest first."""
    rows = asyncio.run(_rows(target.find(data), _DISQUALIFIED))
    if json:
        output.emit(rows)
        return
    columns = ["lead_id", "account_key", "reason", "at", "returns_at"]
    shown = [{**row, "reason": _said(row["reason"], listed=row["listed"])} for row in rows]
    output.show(shown, columns, "nobody is disqualified")


def _said(reason: str, *, listed: bool) -> str:
    return reason if listed else f"{reason} (not in qualification.yaml)"


async def _rows(where: target.Target, query: str) -> list[dict[str, Any]]:
    async with target.connection(where.postgres) as connection:
        return [dict(row) for row in await connection.fetch(query)]


async def _explain(where: target.Target, lead: str, why: bool) -> dict[str, Any]:
    async with target.connection(where.postgres) as connection:
        lead_id = await find_lead(connection, where, lead)
        row = await connection.fetchrow(_LATEST, lead_id)
        if row is None:
            raise CommandError(f"lead {lead_id} has no score yet")
        ledger = target.decoded(row["ledger"])
        events = {UUID(line["event"]) for line in ledger if line["event"]}
        happened = await recorded.what_happened(connection, lead_id, events)
        for line in ledger:
            event = UUID(line["event"]) if line["event"] else None
            line["what"], line["at"] = happened.get(event, ("", None)) if event else ("", None)
        known = await _known(connection, lead_id, row["version"])
        if why:
            held = reasons(known[0].scoring, known[1]) if known else {}
            for line in ledger:
                line["why"] = held.get(line["rule"], [])
    told = explained(*known) if known else None
    qualification = None if told is None else told.model_dump(mode="json")
    return {"lead_id": lead_id, **row, "ledger": ledger, "qualification": qualification}


async def _known(
    connection: asyncpg.Connection, lead_id: UUID, version: str
) -> tuple[Rules, Recorded] | None:
    """The lead as it was scored, and the rules by which it was; None where one is not kept."""
    lead = await recorded.of_lead(connection, lead_id)
    try:
        files = await ConfigStore().files(connection, version)
    except NoConfiguration:
        return None
    return None if lead is None else (parse(files), lead)


async def _account(where: target.Target, named: str) -> dict[str, Any]:
    async with target.connection(where.postgres) as connection:
        key = await _account_key(connection, where, named)
        known = await people.people(connection, key)
    if not known:
        raise CommandError(f"nobody of {key} is known")
    found = committee(known)
    listed = [{**asdict(one), "role": found.roles[one.lead_id]} for one in known]
    figures = {name: getattr(found, name) for name in ("score", "completeness", "missing")}
    return {"account_key": key, **figures, "people": listed}


async def _account_key(connection: asyncpg.Connection, where: target.Target, named: str) -> str:
    """Of the account that is meant: a business domain is one, a person belongs to one."""
    domain = registrable_domain(named) if "@" not in named else None
    if domain is not None:
        return domain
    lead_id = await find_lead(connection, where, named)
    key = await people.account_of(connection, lead_id)
    if key is None:
        raise CommandError(f"lead {lead_id} has no score yet")
    return key


def points(hundredths: int) -> str:
    """Hundredths as points."""
    return f"{hundredths / 100:g}"
