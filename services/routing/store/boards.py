"""Loading a board under its locks, and saving what the decisions changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import to_json

from schemas.base import RoleName, TierName
from schemas.score import LeadScored
from services.kernel.people import Window, window_start
from services.routing.ahead import kept, look_ahead
from services.routing.board import Board, Colleague, Loaded
from services.routing.fairness import Turn, Turns
from services.routing.model import Attempt, Change, Given, LeadState, Load, Waiting
from services.routing.overlay import RepChange, overlays
from services.routing.plan import Plan
from services.routing.state import TurnKey
from services.routing.store import sql
from services.routing.store.scope import Scope
from services.runtime.database import Connection, meanwhile
from services.runtime.outbox import Write

__all__ = ["Scope", "attempts", "load", "lock", "save"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _LeadRow:
    lead_id: UUID
    account_key: str
    sequence: int
    score_revision: int
    last: Attempt | None
    scored: str | None
    later: Attempt | None
    last_activity: str | None
    last_activity_at: datetime | None
    merged_into: UUID | None


@dataclass(frozen=True, slots=True)
class _ColleagueRow:
    account_key: str
    lead_id: UUID
    rep_id: str
    pool: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class _TurnRow:
    pool: str
    tier_group: str
    member: str
    count: int
    entitlement: int


@dataclass(frozen=True, slots=True)
class _LoadRow:
    rep_id: str
    given: tuple[Given, ...]
    returned: int
    open: int


@dataclass(frozen=True, slots=True)
class _WaitingRow:
    pool: str
    assignment_id: UUID
    tier: TierName
    received_at: datetime
    excluded: tuple[str, ...]


_FEW = 8
"""Changes, of which making the events takes less time than a round trip."""
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_LEADS = TypeAdapter(list[_LeadRow])
_COLLEAGUES = TypeAdapter(list[_ColleagueRow])
_TURNS = TypeAdapter(list[_TurnRow])
_LOADS = TypeAdapter(list[_LoadRow])
_WAITING = TypeAdapter(list[_WaitingRow])
_CHANGES = TypeAdapter(list[RepChange])
_ATTEMPTS = TypeAdapter(list[Attempt])


async def lock(connection: Connection, plan: Plan, scope: Scope) -> frozenset[str]:
    """Lock what ``scope`` names, for the rest of the transaction; gives the pools locked.

    Rows are locked in the order accounts, pools, capped reps, and sorted within each, so that
    processes wait for each other and never in a circle.
    """
    capped = [(pool, rep) for pool in plan.seats for rep in plan.seats[pool] & plan.capped]
    capped += [(pool, rep) for pool in scope.pools for rep in scope.counted]
    locked = await connection.fetchval(
        sql.LOCK,
        sorted(scope.accounts),
        sorted(scope.pools),
        [pool for pool, _ in capped],
        [rep for _, rep in capped],
    )
    return frozenset(locked)


async def load(
    connection: Connection, plan: Plan, version: str, now: datetime, scope: Scope, role: RoleName
) -> Board:
    """Read what ``scope`` names; its pools are those that are locked."""
    members = {member for pool in scope.pools for member in plan.seats.get(pool, ())}
    counted = sorted((members & plan.capped) | scope.returned | scope.counted)
    stale = plan.teams.stale_after
    starts = [_windows(plan, rep, now) for rep in counted]
    reading = connection.fetchrow(
        sql.LOAD,
        list(scope.leads),
        list(scope.leads.values()),
        role.value,
        [key for key in scope.accounts if _shared(key)],
        list(scope.pools),
        counted,
        [hour for hour, _, _ in starts],
        [day for _, day, _ in starts],
        [week for _, _, week in starts],
        now,
        now - stale if stale is not None else _ANY_TIME,
    )
    rules = plan.rules_of(role)
    row, ahead = await meanwhile(reading, lambda: look_ahead(rules, scope.standing, now))
    assert row is not None
    loaded = _loaded(row, now)
    loaded.matches = dict(scope.matches)
    loaded.standing = dict(scope.standing)
    loaded.ahead = ahead
    return Board(plan, version, now, scope.pools, loaded, role)


async def save(
    connection: Connection, board: Board, tell: Callable[[], T]
) -> tuple[T, Write | None]:
    """Write what the decisions changed; gives what ``tell`` makes of it, made meanwhile.

    Their history is prepared meanwhile too. That of a few is left to the caller, to be written with
    their events in one round trip; that of many is written while the events are made.
    """
    if not (board.dirty_leads or board.dirty_attempts):
        return tell(), None
    saving = connection.execute(
        sql.SAVE,
        _json(_lead_row(lead, board) for lead in board.dirty_leads.values()),
        _ATTEMPTS.dump_json(list(board.dirty_attempts.values())).decode(),
        _json(_turn_rows(board)),
        board.overlays_key,
        to_json(board.loaded.overlays).decode() if board.overlays_key is not None else None,
    )
    if len(board.changes) <= _FEW:
        _, made = await meanwhile(saving, lambda: (tell(), _history(board)))
        return made
    _, history = await meanwhile(saving, lambda: _history(board))
    _, told = await meanwhile(connection.execute(history.alone, *history.arguments), tell)
    return told, None


async def attempts(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Attempt]:
    """The attempts of these ids; unlocked, unless their accounts are."""
    found = _ATTEMPTS.validate_json(await connection.fetchval(sql.ATTEMPTS, list(ids)))
    return {attempt.assignment_id: attempt for attempt in found}


def _shared(account_key: str) -> bool:
    # A key without a dot is a lead's own id: there are no colleagues to look for.
    return "." in account_key


def _windows(plan: Plan, rep_id: str, now: datetime) -> tuple[datetime, datetime, datetime]:
    rep = plan.rep(rep_id)
    if rep is None:
        return now, now, now
    hour, day, week = (window_start(window, rep.zone, now) for window in Window)
    return hour, day, week


def _loaded(row: asyncpg.Record, now: datetime) -> Loaded:
    loaded = Loaded()
    for lead in _read(_LEADS, row["leads"]):
        loaded.leads[lead.lead_id] = LeadState(
            lead_id=lead.lead_id,
            account_key=lead.account_key,
            sequence=lead.sequence,
            score_revision=lead.score_revision,
            last=lead.last,
            scored=LeadScored.read(lead.scored) if lead.scored is not None else None,
            later=lead.later,
            activity=_activity(lead),
            merged_into=lead.merged_into,
        )
    for one in _read(_COLLEAGUES, row["colleagues"]):
        found = Colleague(one.lead_id, one.rep_id, one.pool, one.since)
        loaded.colleagues.setdefault(one.account_key, {})[one.lead_id] = found
    turns: dict[TurnKey, dict[str, Turn]] = {}
    for turn in _read(_TURNS, row["turns"]):
        rotation = turns.setdefault((turn.pool, turn.tier_group), {})
        rotation[turn.member] = Turn(turn.count, turn.entitlement)
    loaded.turns = {key: Turns(rotation) for key, rotation in turns.items()}
    for load_row in _read(_LOADS, row["loads"]):
        loaded.loads[load_row.rep_id] = Load(load_row.given, load_row.open)
        loaded.returned[load_row.rep_id] = load_row.returned
    for held in _read(_WAITING, row["waiting"]):
        waiting = Waiting(held.assignment_id, held.tier, held.received_at, held.excluded)
        loaded.waiting.setdefault(held.pool, []).append(waiting)
    loaded.overlays = overlays(_read(_CHANGES, row["overlays"]), now)
    return loaded


def _activity(lead: _LeadRow) -> tuple[str, datetime] | None:
    if lead.last_activity is None or lead.last_activity_at is None:
        return None
    return lead.last_activity, lead.last_activity_at


def _read(kind: TypeAdapter[list[T]], text: str | None) -> list[T]:
    return kind.validate_json(text) if text is not None else []


def _history(board: Board) -> Write:
    rows = _json(_history_row(change) for change in board.changes)
    return Write(sql.HISTORY, (rows, [_text(change.record) for change in board.changes]))


def _text(record: Mapping[str, Any] | None) -> str | None:
    return to_json(record).decode() if record is not None else None


def _json(rows: Iterable[Mapping[str, Any]]) -> str:
    return to_json(list(rows)).decode()


def _lead_row(lead: LeadState, board: Board) -> dict[str, Any]:
    stored: str | None = None
    if lead.lead_id in board.new_scores and lead.scored is not None:
        ahead = board.loaded.ahead.get(lead.lead_id)
        known = ahead is not None and ahead.event is lead.scored
        stored = ahead.kept if ahead is not None and known else kept(lead.scored)
    return {
        "lead_id": lead.lead_id,
        "account_key": lead.account_key,
        "sequence": lead.sequence,
        "score_revision": lead.score_revision,
        "scored": stored,
        "last_activity": lead.activity[0] if lead.activity is not None else None,
        "last_activity_at": lead.activity[1] if lead.activity is not None else None,
        "merged_into": lead.merged_into,
    }


def _turn_rows(board: Board) -> Iterator[dict[str, Any]]:
    for (pool, group), members in sorted(board.dirty_turns.items()):
        weights, turns = board.plan.weights.get(pool, {}), board.loaded.turns[pool, group]
        for member in sorted(members):
            count, entitlement = turns[member]
            yield {
                "pool": pool,
                "tier_group": group,
                "member": member,
                "weight": weights.get(member, 0),
                "count": count,
                "entitlement": entitlement,
            }


def _history_row(change: Change) -> dict[str, Any]:
    attempt = change.attempt
    return {
        "lead_id": attempt.lead_id,
        "sequence": change.sequence,
        "assignment_id": attempt.assignment_id,
        "role": attempt.role,
        "cycle": attempt.cycle,
        "attempt": attempt.attempt,
        "at": change.at,
        "status": change.status,
        "rep_id": attempt.rep_id,
        "pool": attempt.pool,
        "reason": change.reason,
        "rule_path": attempt.rule_path,
        "config_version": change.config_version,
        "submission_id": change.origin.submission_id,
        "ended": change.end,
    }
