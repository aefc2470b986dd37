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
from services.routing.fairness import (
    Choice,
    Turn,
    shares,
)
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
    """Whose turn it was, and where everybody stood before; :func:`standings` reads it."""
    looked = record["pools"][-1]
    known = looked["eligible"] if looked["pool"] == pool else None
    return {
        "pool": pool,
        "group": group,
        "rep": made.winner,
        **_columns(made, known),
    }


def charge(pool: str, group: str, made: Choice) -> dict[str, Any]:
    """The turn that a lead outside of the rotation costs; :func:`charged` reads it."""
    return {"pool": pool, "group": group, "rep": made.winner, **_columns(made, None)}


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


def _read_columns(
    part: Mapping[str, Any], record: Mapping[str, Any]
) -> dict[str, tuple[int, Turn]]:
    """Weight of each member, and where they stood before."""
    members = sorted(part.get("members") or record["pools"][-1]["eligible"])
    each = part["weights"]
    each = [each] * len(members) if isinstance(each, int) else each
    stood = (
        Turn(count, part["least"] + above)
        for count, above in zip(part["counts"], part["above"], strict=True)
    )
    return dict(zip(members, zip(each, stood, strict=True), strict=True))


def standings(record: Mapping[str, Any]) -> list[tuple[str, int, int, int, int]]:
    """Of a stored choice: member, weight, share of the lead, count and entitlement, the latter
    after sharing and like the share in 1 / UNIT of a lead."""
    choice = record["choice"]
    if "standings" in choice:  # stored by an older release
        return [tuple(one) for one in choice["standings"]]
    found = _read_columns(choice, record)
    parts = shares({member: weight for member, (weight, _) in found.items()})
    return [
        (member, weight, parts[member], turn.count, turn.entitlement + parts[member])
        for member, (weight, turn) in found.items()
    ]


def charged(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of a stored charge: pool, group and rep, the share of each member, and count and entitlement
    of each before."""
    charge = record["charge"]
    if "counts" not in charge:  # stored by an older release
        return dict(charge)
    found = _read_columns(charge, record)
    return {
        **{name: charge[name] for name in ("pool", "group", "rep")},
        "shares": shares({member: weight for member, (weight, _) in found.items()}),
        "before": [[member, *turn] for member, (_, turn) in found.items()],
    }


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    """A stored record as it is told: what each rule lost by, and turns member by member."""
    shown = dict(record)
    if "tried" in record:
        shown["tried"] = [_lost(one, record.get("features", {})) for one in record["tried"]]
    if (choice := record.get("choice")) is not None:
        named = {name: choice[name] for name in ("pool", "group", "rep")}
        shown["choice"] = {**named, "standings": standings(record)}
    if record.get("charge") is not None:
        shown["charge"] = charged(record)
    return shown


def _lost(one: Any, features: Mapping[str, Any]) -> dict[str, Any]:
    """As :data:`services.routing.policy.Lost` is stored, or an older release stored it."""
    if isinstance(one, Mapping):
        return dict(one)
    rule, name, op, want, verdict, result = one
    because = {"field": name, "op": op, "want": want, "got": features.get(name), "result": result}
    return {"rule": rule, "verdict": verdict, "because": because}
