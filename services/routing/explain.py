"""A decision record in words, for a person who asks why. Pure.

Reads what :func:`services.routing.placement.place` and :mod:`services.routing.answer` write; a part
that a record lacks is passed over, so that records of older releases can be told as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.routing.fairness import UNIT
from services.routing.recording import told
from services.routing.subject import How

Part = Mapping[str, Any]

_LOST = {
    "inactive": "has left",
    "paused": "is paused",
    "leave": "is on leave",
    "leave_soon": "goes on leave soon",
    "holiday": "has a public holiday",
    "off_hours": "is outside working hours",
    "cap_hour": "has the most leads of an hour",
    "cap_day": "has the most leads of a day",
    "cap_week": "has the most leads of a week",
    "cap_open": "has as many untaken leads as may be",
    "cap_pool": "has the most leads of this pool",
    "cap_motion": "has the most leads of this motion",
    "language": "does not speak the language",
    "skill": "lacks a skill that it needs",
    "territory": "has another territory",
    "burst": "was just given several held leads",
    "past_owner": "had this lead before",
    "unknown": "is nobody in teams.yaml",
    "earlier_role": "works in an earlier role",
    "no_backup": "nobody stands in",
}
_OPS = {
    "eq": "is",
    "ne": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "gt": "is over",
    "gte": "is at least",
    "lt": "is under",
    "lte": "is at most",
    "between": "lies between",
}
_HOW = {
    How.OWNER: "{rep} gets it as the account's owner",
    How.BACKUP: "{rep} gets it, who stands in for {owner}",
    How.WAITS: "held for {owner}, who is back {held_until}",
    How.TURN: "{rep} gets it in turn, from pool {pool}",
    How.OVERFLOW: "{rep} gets it in turn, from overflow pool {pool}",
    How.CATCH_ALL: "held too long: {rep} gets it in turn, from catch-all pool {pool}",
    How.ANYWAY: "nobody is free: {rep} gets it all the same, from pool {pool}",
    How.BY_HAND: "{rep} gets it, as somebody said",
    How.KEPT: "{rep} goes on with it, who had it in another role",
    How.ESCALATED: "{rep} gets it, who answers for pool {pool}",
    How.NOBODY_FREE: "held for pool {pool} until {held_until} at the latest",
    How.BEHIND: "held for pool {pool} behind leads that wait longer",
    How.NURTURE: "goes to nurture",
    How.OFFERED: "offered to the members of pool {pool} until {held_until}, then by turn",
    How.CLAIMED: "{rep} gets it, who claimed it from pool {pool}",
    How.DIVERTED: "is no lead, and goes out of sales",
}


def lost(why: str) -> str:
    """Why somebody does not get a lead, in words that follow a name."""
    return _LOST.get(why, why)


def as_data(record: Part | None) -> Part | None:
    """A record, the standings of its choice member by member."""
    return told(record) if record is not None else None


def explain(record: Part | None) -> list[str]:
    """One line per step of the decision, in the order in which it was taken."""
    return list(_lines(told(record or {})))


def _lines(record: Part) -> Iterator[str]:
    if request := record.get("request"):
        by = request.get("by") or "the system"
        yield f"request: {request['action']} by {by}{_said(request.get('reason'))}"
    if returned := record.get("returned"):
        yield f"{returned['rep']} gets the turn in pool {returned['pool']} back"
    if diverted := record.get("divert"):
        yield f"no lead but {diverted['kind']}, for {diverted['to'] or 'nobody in particular'}"
    if "outcome" in record:
        yield from _placed(record)


def _placed(record: Part) -> Iterator[str]:
    yield (
        f"decided at {record['at']} with configuration {record['config']}, score revision"
        f" {record.get('score_revision')}, tier {record['tier']}"
        f"{_score(record.get('features', {}))}"
    )
    yield from _account(record.get("account") or {})
    yield from _owner(record.get("owner", ()))
    yield from _rules(record.get("tried", ()), record.get("untold", 0))
    yield f"rule {record['rule']}: yes ({record['rule_path']})"
    yield from _experiments(record.get("split", ()))
    if hit := record.get("territory"):
        by = ", ".join(f"{name} {_shown(value)}" for name, value in hit["by"].items())
        yield f"territory {hit['territory']} (table {hit['table']}, line {hit['line']}: {by})"
    if record.get("excluded"):
        yield f"not again to {', '.join(record['excluded'])}"
    for pool in record.get("pools", ()):
        yield from _pool(pool)
    if choice := record.get("choice"):
        yield from _choice(choice)
    if charged := record.get("charge"):
        yield f"it costs {charged['rep']} a turn in pool {charged['pool']}"
    outcome = record["outcome"]
    yield f"outcome {outcome['status']}: {_HOW[How(outcome['how'])].format_map(outcome)}"


def _shown(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return f"{value[0]} to {value[1]}" if value[1] is not None else f"{value[0]:g} and more"


def _score(features: Part) -> str:
    if "score.total" not in features:
        return ""
    fit, intent, total = (features.get(f"score.{part}") for part in ("fit", "intent", "total"))
    return f" (fit {fit:g}, intent {intent:g}, in all {total:g})"


def _account(account: Part) -> Iterator[str]:
    for one in account.get("candidates", ()):
        found = f"account {one['id']} ({one['name']}, {account['by'] or 'name'}, {one['score']:g})"
        yield f"{found}: {'matches' if one['lost'] is None else 'lost by ' + one['lost']}"
    if account.get("more"):
        yield f"account: {account['more']} more candidates"


def _rules(tried: Sequence[Part], untold: int) -> Iterator[str]:
    for at, one in enumerate(tried):
        if untold and at == len(tried) // 2:
            yield f"… {untold} more rules: no"
        yield f"rule {one['rule']}: no{_because(one.get('because') or {})}"


def _experiments(drawn: Sequence[Part]) -> Iterator[str]:
    for one in drawn:
        share = f"{one['weight']} of {one['of']}"
        yield f"experiment {one['experiment']}: arm {one['arm']} ({share}, by {one['by']})"


def _owner(checks: Sequence[Part]) -> Iterator[str]:
    for check in checks:
        level = f"owner by {check['level'].replace('_', ' ')}"
        rep = f"{check['rep']} (for {check['for']})" if check.get("for") else check["rep"]
        if check["rep"] is None and not check.get("for"):
            yield "owner of the account: nobody has a colleague"
        elif check.get("waits"):
            yield f"{level}: waits for {rep} until {check['waits']}"
        elif check["lost"] is None:
            yield f"{level}: {rep} can have it"
        else:
            more = ", for too long to wait" if check.get("waited") else ""
            yield f"{level}: {rep} {_LOST.get(check['lost'], check['lost'])}{more}"


def _because(part: Part) -> str:
    if "experiment" in part:
        return f" (experiment {part['experiment']}: {part['arm']} is held out)"
    if "field" not in part:
        return f" ({part['op']} did not hold)" if part else ""
    if part["op"] in ("exists", "missing"):
        return f" ({part['field']} {part['op']}: no)"
    want = part["want"]
    shown = ", ".join(map(str, want)) if isinstance(want, list) else want
    asked = f"{part['field']} {_OPS.get(part['op'], part['op'])} {shown}"
    return f" ({asked}: {'not known' if part['got'] is None else part['got']})"


def _pool(pool: Part) -> Iterator[str]:
    free = ", ".join(pool["eligible"]) or "nobody"
    yield f"pool {pool['pool']} (tiers: {pool['group']}): {free} eligible"
    for backup, member in pool.get("stands_in", {}).items():
        yield f"  {backup} stands in for {member}"
    for member, (why, *until) in pool["barred"].items():
        back = f" until {until[0]}" if until else ""
        yield f"  {member} {_LOST.get(why, why)}{back}"


def _choice(choice: Part) -> Iterator[str]:
    yield f"turn in pool {choice['pool']}: the earliest deadline among those who are owed a lead"
    for member, weight, share, count, entitlement in choice["standings"]:
        ahead = count * UNIT - entitlement
        owed = "owed" if ahead < 0 else "not owed"
        deadline = (Decimal(ahead + UNIT) / Decimal(share)).quantize(Decimal("0.001"))
        mark = " <- next" if member == choice["rep"] else ""
        yield (
            f"  {member}: weight {weight}, count {count}, entitlement {_leads(entitlement)},"
            f" {owed}, deadline in {deadline} leads{mark}"
        )


def _leads(units: int) -> str:
    return str((Decimal(units) / UNIT).quantize(Decimal("0.001")))


def _said(reason: str | None) -> str:
    return f" ({reason})" if reason else ""
