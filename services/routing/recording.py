"""What a decision record holds beside its outcome, so that it can be repeated. Pure.

Small on purpose: what is empty or as usual is left out, what the configuration says is looked up by
its version, and what identifies a person is not there. :mod:`services.routing.repeating` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from services.kernel.conditions import NotedFacts
from services.routing.board import Board
from services.routing.fairness import EVEN, Turn
from services.routing.model import GivenTurn
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


def charge(turn: GivenTurn, rep: str, before: Mapping[str, Turn]) -> dict[str, Any]:
    """The turn that a lead outside of the rotation costs, and from where it was counted."""
    turns = {member: before.get(member, EVEN) for member in (*turn.shares, rep)}
    return {
        "pool": turn.pool,
        "group": turn.group,
        "rep": rep,
        "shares": turn.shares,
        "before": [[member, turn.count, turn.entitlement] for member, turn in turns.items()],
    }
