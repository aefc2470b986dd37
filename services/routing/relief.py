"""What an attempt that ends gives back to its rep: the turn, and room under the caps. Pure.

The board's loads were counted before; whoever is chosen next in the same transaction must be judged
by what holds after it.
"""

from __future__ import annotations

from dataclasses import replace

from services.kernel.people import LENGTH, Window, window_start
from services.routing import fairness
from services.routing.board import Board
from services.routing.model import Attempt, Given, Load


def give_back(board: Board, attempt: Attempt) -> bool:
    """Undo the turn that an attempt cost; False where it cost none, or was given back before."""
    turn, rep = attempt.turn, attempt.rep_id
    if turn is None or rep is None or turn.returned:
        return False
    before = board.turns(turn.pool, turn.group)
    board.set_turns(turn.pool, turn.group, fairness.give_back(rep, turn.shares, before))
    return True


def relieve(board: Board, attempt: Attempt, *, returned: bool) -> None:
    """Count an attempt that ends no longer against its rep's caps.

    :param attempt: as it was.
    :param returned: its turn was given back, so the lead was never given.
    """
    load = board.loaded.loads.get(attempt.rep_id or "")
    if load is None or attempt.rep_id is None:
        return
    stale = board.plan.teams.stale_after
    fresh = stale is None or attempt.touched_at >= board.now - stale
    given = (*load.given, _less(board, attempt)) if returned else load.given
    board.loaded.loads[attempt.rep_id] = Load(given, load.open - (attempt.unworked and fresh))


def given_back(board: Board, attempt: Attempt) -> Attempt:
    """The attempt, which its rep no longer has and should not have had; itself where that cost no
    turn."""
    returned = give_back(board, attempt)
    relieve(board, attempt, returned=returned)
    turn = attempt.turn
    return replace(attempt, turn=replace(turn, returned=True)) if returned and turn else attempt


def _less(board: Board, attempt: Attempt) -> Given:
    """One lead less in every window that counts it."""
    rep, now, at = board.plan.rep(attempt.rep_id), board.now, attempt.given_at or board.now
    zone = rep.zone if rep is not None else None
    fixed = {one: -1 for one in Window if zone is not None and at >= window_start(one, zone, now)}
    rolling = {one: -1 for one in Window if now - at < LENGTH[one]}
    return Given(attempt.pool, attempt.origin.motion, fixed, rolling)
