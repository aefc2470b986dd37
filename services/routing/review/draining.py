"""Giving held leads to whoever is free, as the drain of routing does. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice

from services.routing.offer import BURST, LOOKED_AT_MORE
from services.routing.review.cases import Case
from services.routing.review.course import Course
from services.routing.review.traffic import Key

_NEXT = timedelta(seconds=1)


def drain(course: Course, now: datetime, pools: Sequence[str], keys: Sequence[Key]) -> None:
    """One pass over the queues that are due, and over the leads whose next try is."""
    due: dict[str, list[Case]] = {pool: [] for pool in pools}
    for key in keys:
        case = course.cases[key]
        due.setdefault(case.pool or "", []).append(case)
    for pool, cases in due.items():
        _pass(course, pool, now, cases)


def _pass(course: Course, pool: str, now: datetime, due: list[Case]) -> None:
    free, opening = course.room.left(pool, now)
    first = islice(course.world.queue(pool), BURST * free + LOOKED_AT_MORE if free else 0)
    tried = {one.assignment_id: course.waiting[one.assignment_id] for one in first}
    for case in due:
        if free or _may_move(course, case, now):
            tried[case.assignment_id] = case
        else:
            course.put_off(case, now, opening)
    if _tried(course, now, tried.values()):
        course.agenda.hasten(pool, now + _NEXT)
    elif opening is not None and course.world.queue(pool):
        course.agenda.hasten(pool, opening)


def _tried(course: Course, now: datetime, cases: Iterable[Case]) -> int:
    """How many of these were given, by tier and age."""
    in_order = sorted(cases, key=lambda case: case.rank)
    if not in_order:
        return 0
    board = course.world.board(now, in_order[0].key[1])
    board.burst = BURST
    return sum(course.place(case, now, board=board).rep is not None for case in in_order)


def _may_move(course: Course, case: Case, now: datetime) -> bool:
    """Whether a try can help though nobody is free: to an owner, or after the longest hold."""
    pool = course.plan.pool(case.pool)
    if pool is None or case.waiting is None or case.held_since is None:
        return True
    if course.world.loaded.colleagues.get(case.known.account_key):
        return True
    return now - case.held_since >= pool.max_hold.of(case.known.tier)
