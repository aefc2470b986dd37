"""What a decision record holds beside its outcome, so that it can be repeated. Pure.

Small on purpose: what is empty or as usual is left out, what the configuration says is looked up by
its version, and what identifies a person is not there. :mod:`services.routing.repeating` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from services.kernel.conditions import NotedFacts
from services.routing.board import Board
from services.routing.fairness import Choice, Stand, Turn, Weights
from services.routing.model import Attempt
from services.routing.subject import Subject

ELSEWHERE = frozenset({"lead_id", "account_key", "assignment_id", "facts", "tier", "excluded"})
"""Of a subject, what the record or its row names anyway, or what is not stored."""
_KEPT = tuple((one.name, one.default) for one in fields(Subject) if one.name not in ELSEWHERE)


def circumstances(board: Board, subject: Subject) -> dict[str, Any]:
    """How the lead came to be placed, and what had been given in this transaction before."""
    found: dict[str, Any] = {}
    for name, default in _KEPT:
        value = getattr(subject, name)
        if default is MISSING or value != default:
            found[name] = value
    known: dict[str, Any] = {"subject": found}
    if board.burst is not None:
        known["burst"] = {"most": board.burst, "served": dict(board.served)}
    return known


def state(board: Board, subject: Subject) -> dict[str, Any]:
    """What the decision read of the board."""
    tape = board.tape
    waiting = {
        pool: before
        for pool, queue in tape.waiting.items()
        if (before := [one for one in queue if one.rank < subject.rank])
    }
    verdicts = subject.facts.verdicts if isinstance(subject.facts, NotedFacts) else {}
    found = {
        "loads": tape.loads,
        "waiting": waiting,
        "colleagues": tape.colleagues,
        "overlays": board.overlays_key,
        "personal": verdicts,
    }
    return {name: value for name, value in found.items() if value}


def choice(record: Mapping[str, Any], pool: str, group: str, made: Choice) -> dict[str, Any]:
    """Whose turn it was, and where everybody stood before; :func:`turn_of` reads it."""
    looked = record["pools"][-1]
    known = looked["eligible"] if looked["pool"] == pool else None
    return {
        "pool": pool,
        "group": group,
        "rep": made.winner,
        **_columns(made, known),
    }


def charge(pool: str, group: str, made: Choice) -> dict[str, Any]:
    """The turn that a lead outside of the rotation costs; :func:`turn_of` reads it."""
    return {"pool": pool, "group": group, "rep": made.winner, **_columns(made, None)}


def returned(attempt: Attempt) -> dict[str, Any]:
    """What the end of an attempt says of its turn, where that was given back."""
    turn = attempt.turn
    if turn is None or not turn.returned:
        return {}
    told = {"pool": turn.pool, "group": turn.group, "rep": attempt.rep_id, "shares": turn.shares}
    return {"returned": told}


def _columns(made: Choice, known: Sequence[str] | None) -> dict[str, Any]:
    """In columns, in the order of ids, as a pool of hundreds of members fills most of a record.

    :param known: members that the record names elsewhere; named here only where they are others.
    """
    members = list(made.weights)
    before = made.before
    least = min(before.entitlements)
    return {
        **({} if members == known else {"members": members}),
        "weights": made.weights.told,
        "counts": before.counts,
        "least": least,
        "above": [entitlement - least for entitlement in before.entitlements],
    }


def without_person(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of somebody who was erased: without what people wrote of them."""
    kept = dict(record)
    if (request := record.get("request")) is not None:
        kept["request"] = {**request, "reason": ""}
    return {**kept, "erased": True}


def turn_of(record: Mapping[str, Any], part: str) -> Choice | None:
    """The arithmetic of a stored ``choice`` or ``charge``; None where the record lacks it."""
    stored = record.get(part) or {}
    if stored.keys().isdisjoint(("counts", "standings", "shares")):
        return None
    weights, stood = _rows(stored) if "counts" not in stored else _read(stored, record)
    counts, entitlements = zip(*(stood[member] for member in weights.members), strict=True)
    return Choice(stored["rep"], weights, Stand(weights.members, counts, entitlements))


def _read(part: Mapping[str, Any], record: Mapping[str, Any]) -> tuple[Weights, dict[str, Turn]]:
    members = sorted(part.get("members") or record["pools"][-1]["eligible"])
    entitlements = [part["least"] + above for above in part["above"]]
    turns = map(Turn, part["counts"], entitlements)
    return Weights.of(members, part["weights"]), dict(zip(members, turns, strict=True))


def _rows(part: Mapping[str, Any]) -> tuple[Weights, dict[str, Turn]]:
    """As older releases stored it. Shares, as weights, give the same shares again."""
    if "standings" in part:
        rows = part["standings"]
        turns = {name: Turn(count, after - share) for name, _, share, count, after in rows}
        return Weights({name: weight for name, weight, *_ in rows}), turns
    turns = {name: Turn(count, entitlement) for name, count, entitlement in part["before"]}
    return Weights(part["shares"]), turns


def standings(made: Choice) -> list[tuple[str, int, int, int, int]]:
    """Member, weight, share of the lead, count and entitlement, the latter after sharing and like
    the share in 1 / UNIT of a lead."""
    return [
        (one.member, one.weight, one.share, one.turn.count, one.turn.entitlement)
        for one in made.standings
    ]


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    """A stored record as it is told: what each rule lost by, and turns member by member."""
    shown = dict(record)
    if "tried" in record:
        shown["tried"] = [_lost(one, record.get("features", {})) for one in record["tried"]]
    if (made := turn_of(record, "choice")) is not None:
        shown["choice"] = {**_named(record["choice"]), "standings": standings(made)}
    if (made := turn_of(record, "charge")) is not None:
        before = [[member, *turn] for member, turn in made.before.turns().items()]
        shares = {"shares": dict(made.weights.split), "before": before}
        shown["charge"] = {**_named(record["charge"]), **shares}
    return shown


def _named(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("pool", "group", "rep")}


def _lost(one: Any, features: Mapping[str, Any]) -> dict[str, Any]:
    """As :data:`services.routing.policy.Lost` is stored, or an older release stored it."""
    if isinstance(one, Mapping):
        return dict(one)
    rule, name, op, want, verdict, result = one
    because = {"field": name, "op": op, "want": want, "got": features.get(name), "result": result}
    return {"rule": rule, "verdict": verdict, "because": because}
