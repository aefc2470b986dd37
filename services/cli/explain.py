"""``handraise explain``: the one story of a lead, from the read-only views of each service."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import typer

from services.cli import output, target
from services.cli.leads import find_lead
from services.cli.output import CommandError
from services.cli.scoring import points
from services.routing.explain import as_data
from services.routing.explain import explain as in_words

_CLOCKS_DIFFER = timedelta(seconds=2)
_TOUCHES = """
select submission_id, touch, repeat, source, form_id, kind, motion, channel, lane, submitted_at,
       received_at, account_key, utm, click_ids
from capture.story where lead_id = $1 order by touch
"""
_KNOWN = """
select lead_revision, at, complete, late, facts from enrichment.story
where lead_id = $1 order by lead_revision desc limit 1
"""
_SCORES = """
select score_revision, at, fit, intent, total, tier, mql, ledger, version, submission_id
from scoring.story where lead_id = $1 order by score_revision
"""
_DECISIONS = """
select sequence, at, assignment_id, role, cycle, attempt, status, rep_id, pool, reason, rule_path,
       config_version, submission_id, ended, record
from routing.story where lead_id = $1 order by sequence
"""

_RESPONSE = """
select at, what, text, assignment_id, rep_id, role from response.story
where lead_id = $1 order by at, id
"""
_TOLD = """
select min(coalesce(done_at, created_at)) as at,
       case when reminder then 'reminder' else 'message' end as what,
       string_agg(sink, ', ' order by sink) || ': ' || state || coalesce(' (' || reason || ')', '')
       as text, assignment_id
from delivery.story where lead_id = $1
group by assignment_id, sequence, reminder, state, reason, date_trunc('second', created_at)
order by 1
"""
# After what happened to the attempt: when the answer came it was another's.
_LATE = """
select at, 'answered too late' as what, rep_id || ': ' || action || ' changes nothing, ' ||
       coalesce(owner || ' has it by now.', 'nobody has it by now.') as text,
       null::uuid as assignment_id, rep_id
from delivery.late_answers where lead_id = $1 order by at
"""
_RUNNING = """
select role, kind, started_at, due_at, try_at, config_version from response.running
where lead_id = $1 and kind <> 'measure' order by due_at
"""


def explain(
    lead: Annotated[str, typer.Argument(help="Lead id or e-mail.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Tell the story of a lead. What came in, what is known, its worth, who got it and why."""
    story = asyncio.run(_story(target.find(data), lead))
    if json:
        output.emit(story)
    else:
        _tell(story)


async def _story(where: target.Target, lead: str) -> dict[str, Any]:
    # One moment for all parts: a clock that runs must not stand beside a history without it.
    async with (
        target.connection(where.postgres) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        told = await _parts(connection, await find_lead(connection, where, lead))
    told["decisions"] = on_one_clock(told["decisions"], beside(told))
    return told


async def _parts(connection: asyncpg.Connection, lead_id: UUID) -> dict[str, Any]:
    touches = await _rows(connection, _TOUCHES, lead_id)
    if not touches:
        raise CommandError(f"lead {lead_id} is unknown")
    known = await _rows(connection, _KNOWN, lead_id)
    return {
        "lead_id": lead_id,
        "account_key": touches[0].pop("account_key"),
        "touches": touches,
        "known": known[0] if known else None,
        "scores": await _rows(connection, _SCORES, lead_id),
        "decisions": await _rows(connection, _DECISIONS, lead_id),
        "response": await _rows(connection, _RESPONSE, lead_id),
        "deliveries": await _rows(connection, _TOLD, lead_id),
        "late_answers": await _rows(connection, _LATE, lead_id),
        "clocks": await _rows(connection, _RUNNING, lead_id),
    }


async def _rows(connection: asyncpg.Connection, query: str, lead_id: UUID) -> list[dict[str, Any]]:
    rows = [dict(row) for row in await connection.fetch(query, lead_id)]
    for row in rows:
        for name in ("facts", "ledger", "record", "utm", "click_ids"):
            if name in row:
                row[name] = target.decoded(row[name])
    return rows


def _tell(story: dict[str, Any]) -> None:
    _print(f"lead {story['lead_id']} (account {story['account_key']})", style="bold")
    for touch in story["touches"]:
        utm = " ".join(f"{name}={value}" for name, value in sorted(touch["utm"].items()))
        _print(
            f"  touch {touch['touch']} at {touch['received_at']:%Y-%m-%d %H:%M:%S} UTC: "
            f"{touch['kind']} from {touch['source']}, {touch['channel']}, {touch['repeat']}"
            + (f" ({utm})" if utm else "")
        )
    if story["known"]:
        _print("known", style="bold")
        for name, fact in sorted(story["known"]["facts"].items()):
            _print(f"  {name:<20}{fact['value']!s:<28}{fact['source']}")
    for score in story["scores"][-1:]:
        _print(
            f"score {points(score['total'])} (fit {points(score['fit'])}, intent "
            f"{points(score['intent'])}): {score['tier']}",
            style="bold",
        )
        for line in score["ledger"]:
            _print(f"  {points(line['points']):>7}  {line['dimension']:<8}{line['rule']}")
    for line in in_order(story["decisions"], beside(story)):
        _tell_decision(line) if "sequence" in line else _tell_response(line)
    for clock in story["clocks"]:
        _print(f"running: {clock['kind']}, due {clock['due_at']:%Y-%m-%d %H:%M:%S} UTC")


def beside(story: dict[str, Any]) -> list[dict[str, Any]]:
    """What happened to the attempts of a lead, other than decisions."""
    return [*story["response"], *story["deliveries"], *story["late_answers"]]


def on_one_clock(
    decisions: list[dict[str, Any]], beside: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The decisions with their words; ``at`` is real time, and where routing's own clock was ahead
    ``routing_clock`` is what it said."""
    shown = as_it_happened(decisions, beside)
    told = []
    for one in decisions:
        at, record = shown[one["sequence"]], one["record"]
        if at != one["at"]:
            one = {**one, "at": at, "routing_clock": one["at"]}
            record = {**(record or {}), "at": at.isoformat()} if record else record
        told.append({**one, "record": as_data(one["record"]), "words": in_words(record)})
    return told


def as_it_happened(
    decisions: list[dict[str, Any]], beside: list[dict[str, Any]]
) -> dict[int, datetime]:
    """When each decision was made on the clock of all the others, by its sequence.

    With ``up --clock-scale`` routing's clock is ahead: then an attempt began when something first
    happened to it, and its later decisions came when something last did.
    """
    own: dict[UUID, list[datetime]] = {}
    for line in beside:
        own.setdefault(line["assignment_id"], []).append(line["at"])
    first = {one["assignment_id"]: one for one in reversed(decisions)}
    ahead = any(
        own.get(id_) and one["at"] > min(own[id_]) + _CLOCKS_DIFFER for id_, one in first.items()
    )
    if not ahead:
        return {one["sequence"]: one["at"] for one in decisions}
    shown: dict[int, datetime] = {}
    latest: datetime | None = None
    for one in decisions:
        times = own.get(one["assignment_id"])
        if times:
            latest = min(times) if one is first[one["assignment_id"]] else max(times)
        shown[one["sequence"]] = min(one["at"], latest or one["at"])
    for earlier, later in reversed(list(pairwise(sorted(shown)))):
        shown[earlier] = min(shown[earlier], shown[later])
    return shown


def in_order(decisions: list[dict[str, Any]], beside: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Decisions and what happened beside them, as they followed each other.

    What happened to an attempt stands behind the decision that began it and before the next
    attempt, whatever the times say; what belongs to no attempt stands at the end.
    """
    shown = as_it_happened(decisions, beside)
    attempts: dict[UUID, int] = {}
    for decision in decisions:
        attempts.setdefault(decision["assignment_id"], len(attempts))
    firsts = {one["assignment_id"]: shown[one["sequence"]] for one in reversed(decisions)}

    def place(line: dict[str, Any]) -> tuple[int, datetime, int]:
        attempt = line["assignment_id"]
        if "sequence" in line:
            return attempts[attempt], shown[line["sequence"]], 0
        at: datetime = line["at"]
        return attempts.get(attempt, len(attempts)), max(at, firsts.get(attempt, at)), 1

    return sorted([*decisions, *beside], key=place)


def _tell_decision(decision: dict[str, Any]) -> None:
    _print(
        f"{decision['at']:%Y-%m-%d %H:%M:%S} UTC #{decision['sequence']} {decision['status']}",
        style="bold",
    )
    _print(f"  {decision['reason']}")
    for sentence in decision["words"]:
        _print(f"  - {sentence}")


def _tell_response(line: dict[str, Any]) -> None:
    _print(f"{line['at']:%Y-%m-%d %H:%M:%S} UTC {line['what'].replace('_', ' ')}", style="bold")
    _print(f"  {line['text']}")


def _print(text: str, style: str | None = None) -> None:
    output.stdout.print(text, style=style, markup=False)
