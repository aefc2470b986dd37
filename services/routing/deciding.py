"""The deciding transaction: lock, load, decide, save. Every decision of routing goes this way.

Why one transaction for a whole batch: docs/decisions/routing-transaction.md.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from schemas.base import RoleName
from services.routing.board import Board, NeedsLeads, NeedsPools
from services.routing.finding import accounts_of
from services.routing.plan import Plan
from services.routing.seats import uncounted
from services.routing.store import boards, merges
from services.routing.store.boards import Scope
from services.runtime.configstore import Versioned
from services.runtime.database import Connection
from services.runtime.outbox import Write

T = TypeVar("T")
R = TypeVar("R")
Clock = Callable[[], datetime]

_WIDENINGS = 8


async def decide_with(
    connection: Connection,
    config: Versioned[Plan],
    clock: Clock,
    scope: Scope,
    work: Callable[[Board], T],
    role: RoleName = RoleName.SDR,
) -> T:
    """Run ``work`` on a board of what ``scope`` names and save what it changed.

    Where the work reaches a pool that is not locked it is thrown away, the pool is locked too, and
    it runs again. So it is with reps whose leads must be counted because a command said so. Such a
    lock is out of order; two that meet so are told apart by Postgres, and the one that it aborts
    starts anew.
    """
    board, result = await _decided(connection, config, clock, scope, work, role)
    _, history = await boards.save(connection, board, lambda: None)
    if history is not None:
        await connection.execute(history.alone, *history.arguments)
    return result


async def decide_and_tell(
    connection: Connection,
    config: Versioned[Plan],
    clock: Clock,
    scope: Scope,
    work: Callable[[Board], T],
    tell: Callable[[T], R],
) -> tuple[R, Write | None]:
    """As :func:`decide_with`; what ``tell`` makes of it is made while Postgres writes.

    A history is still to be written, with the events that tell of it.
    """
    board, result = await _decided(connection, config, clock, scope, work, RoleName.SDR)
    return await boards.save(connection, board, lambda: tell(result))


async def _decided(
    connection: Connection,
    config: Versioned[Plan],
    clock: Clock,
    scope: Scope,
    work: Callable[[Board], T],
    role: RoleName,
) -> tuple[Board, T]:
    """The work's result, and the board with what is to be saved."""
    locking = scope
    for _ in range(_WIDENINGS):
        locked = await boards.lock(connection, config.value, locking)
        scope = scope.with_pools(locked)
        # The time is taken under the locks: what is decided later is never dated earlier.
        board = await boards.load(connection, config.value, config.version, clock(), scope, role)
        if more := uncounted(board, scope.pools):
            scope = scope.counting(more)
            locking = Scope({}, frozenset(), scope.pools, counted=scope.counted)
            continue
        if not await _matched(connection, board, scope):
            known = scope.accounts
            scope = scope.with_matches(board.loaded.matches)
            locking = Scope({}, scope.accounts - known, frozenset())
            continue
        try:
            return board, work(board)
        except NeedsPools as needs:
            locking = Scope({}, frozenset(), needs.pools, counted=scope.counted)
            continue
        except NeedsLeads as needs:
            others = await merges.accounts(connection, needs.leads)
            scope = scope.with_leads(others)
            locking = Scope({}, frozenset(others.values()), frozenset())
    raise RuntimeError("the decision reaches ever more pools")


async def _matched(connection: Connection, board: Board, scope: Scope) -> bool:
    """Find the accounts of leads whose score was only now read; False where that widens the scope.

    Colleagues under another domain of an account count too, so its domains must be locked.
    """
    missing = {
        lead_id: lead.scored
        for lead_id, lead in board.loaded.leads.items()
        if lead.scored is not None and lead_id not in scope.matches
    }
    if not missing:
        return True
    board.loaded.matches.update(await accounts_of(connection, board.plan, missing))
    return scope.with_matches(board.loaded.matches).accounts <= scope.accounts
