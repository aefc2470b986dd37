"""Where one lead goes at this moment: owner first, then the rules. Pure.

Changes nothing but the turns and loads of the board that it is given.
"""

from __future__ import annotations

from typing import Any

from schemas.assignment import AssignmentStatus
from services.kernel.people import Pool
from services.routing import fairness, owner, recording
from services.routing.ahead import Ruled, ruled
from services.routing.board import Board, Tape
from services.routing.candidates import survey
from services.routing.companies import Level
from services.routing.fairness import GivenTurn
from services.routing.offer import Desk, offer
from services.routing.owner import Owned
from services.routing.plan import tier_group
from services.routing.policy import Target
from services.routing.subject import How, Placement, Subject

ENGINE = "3"
"""Version of the arithmetic, stored with each decision so that a difference found by computing it
again can be told from a bug fix. Raise it with every change that can move a lead."""


def place(board: Board, subject: Subject) -> Placement:
    """Decide one lead.

    :raises NeedsPools: the decision leads to a pool that is not locked.
    """
    board.tape = Tape()
    began = recording.circumstances(board, subject)
    found = _ruled(board, subject)
    routed, target = found.routed, found.routed.target
    record: dict[str, Any] = {
        "engine": ENGINE,
        "config": board.version,
        "at": board.now.isoformat(),
        "role": board.role,
        "tier": subject.tier,
        "features": found.features,
        "tried": list(routed.tried),
        "rule": target.rule,
        "rule_path": target.path,
        "excluded": list(subject.excluded),
        **({"territory": target.hit} if target.hit is not None else {}),
        "pools": [],
        **began,
    }
    if target.divert is not None:
        record["divert"] = target.divert.model_dump()
    if target.drawn:
        record["split"] = [one.described() for one in target.drawn]
    if routed.untold:
        record["untold"] = routed.untold
    placement = _placed(board, subject, target, record)
    record["outcome"] = {
        "status": placement.status,
        "how": placement.how,
        "pool": placement.pool,
        "rep": placement.rep,
        "level": placement.level,
        "owner": placement.owner,
        "held_until": placement.held_until.isoformat() if placement.held_until else None,
    }
    record["state"] = recording.state(board, subject)
    return placement


def _ruled(board: Board, subject: Subject) -> Ruled:
    ahead = board.loaded.ahead.get(subject.lead_id)
    if ahead is not None and ahead.facts is subject.facts:
        return ahead.ruled
    return ruled(board.rules, subject.facts)


def _placed(board: Board, subject: Subject, target: Target, record: dict[str, Any]) -> Placement:
    desk = Desk(board, subject, target, record)
    if subject.wish.to is not None:
        return _by_hand(desk, subject.wish.to)
    if target.divert is not None and subject.pool is None:
        # Before the owner is asked: a customer's call for help is no lead either.
        return Placement(AssignmentStatus.CLOSED, How.DIVERTED, target, record=record)
    if (back := board.plan.pool(subject.pool)) is not None:
        return offer(desk, back)
    record["account"] = board.match(subject.lead_id).record
    search = owner.of_lead(board, subject)
    record["owner"] = list(search.checks)
    if search.owner is not None:
        return _to_owner(desk, search.owner)
    pool = board.plan.pool(target.pool)
    if pool is None:
        return Placement(AssignmentStatus.NURTURED, How.NURTURE, target, record=record)
    return offer(desk, pool)


def _to_owner(desk: Desk, owned: Owned) -> Placement:
    """Outside of the rotation; it costs the owner a turn where the pool says so."""
    if owned.until is not None:
        return _waits(desk, owned)
    pool = _pool_of(desk, owned)
    how = How.OWNER if owned.stands_in_for is None else How.BACKUP
    charged = pool is not None and pool.charge_owner_turn
    return _given(desk, how, owned.rep_id, pool, charged=charged, owned=owned)


def _by_hand(desk: Desk, rep: str) -> Placement:
    """Where a person named somebody, or themselves: outside of the rotation, whatever hours and
    caps say; a claim was checked before."""
    pool, wish = desk.board.plan.pool(desk.subject.pool), desk.subject.wish
    if wish.claim and pool is not None:
        desk.look(pool)
        charged = pool.pull is not None and pool.pull.charge_turn
        return _given(desk, How.CLAIMED, rep, pool, charged=charged)
    how = How.KEPT if wish.keep else How.BY_HAND
    return _given(desk, how, rep, pool, charged=wish.charge)


def _given(
    desk: Desk, how: How, rep: str, pool: Pool | None, *, charged: bool, owned: Owned | None = None
) -> Placement:
    board, subject = desk.board, desk.subject
    turn = None
    if charged and pool is not None and rep in board.plan.weights[pool.id]:
        group = tier_group(pool, subject.tier)
        free = survey(board, pool, subject).weights
        made = fairness.charge(rep, free, board.turns(pool.id, group))
        turn = GivenTurn.of(pool.id, group, made.weights)
        desk.record["charge"] = recording.charge(pool.id, group, made)
        board.set_turns(pool.id, group, made.after())
    board.given(rep, pool.id if pool is not None else None, subject.motion)
    return Placement(
        AssignmentStatus.ASSIGNED,
        how,
        desk.target,
        pool=pool.id if pool is not None else None,
        rep=rep,
        turn=turn,
        level=owned.level if owned is not None else None,
        owner=owned.stands_in_for if owned is not None else None,
        record=desk.record,
    )


def _pool_of(desk: Desk, owned: Owned) -> Pool | None:
    """Whose turn it costs: the pool of the colleague, or that of the rule; if they are in it."""
    named = owned.pool if owned.level is Level.CONTACT else desk.target.pool
    pool = desk.board.plan.pool(named)
    if pool is None or owned.rep_id not in desk.board.plan.weights[pool.id]:
        return None
    return pool


def _waits(desk: Desk, owned: Owned) -> Placement:
    """Held for the owner, who is back soon. Nobody queues behind it."""
    plan = desk.board.plan
    pool = plan.pool(desk.target.pool) or plan.catch_all_pool(desk.board.role)
    if pool is not None:
        desk.board.demand(frozenset({pool.id}))
    return Placement(
        AssignmentStatus.HELD,
        How.WAITS,
        desk.target,
        pool=pool.id if pool is not None else None,
        held_until=owned.until,
        level=owned.level,
        owner=owned.rep_id,
        record=desk.record,
    )
