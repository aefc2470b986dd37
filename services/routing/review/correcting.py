"""Which leads a wrong rule sent to the wrong pool, and who should have had them. Pure.

Another configuration moves nearly every turn of a rotation. Mended is only what it sends to another
pool; whoever would merely be the next in the same pool keeps the lead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from services.routing.review.cases import Result, Simulated
from services.routing.review.traffic import Key


@dataclass(frozen=True, slots=True)
class Current:
    """An attempt by which somebody has a lead now."""

    assignment_id: UUID
    key: Key
    status: str
    rep: str
    pool: str | None
    touched: bool
    """The rep accepted it, or did something about it."""


@dataclass(frozen=True, slots=True)
class Move:
    """A lead that should be with somebody else."""

    assignment_id: UUID
    lead_id: UUID
    status: str
    """Now; a request applies only while it is so."""
    rep: str
    pool: str | None
    to: str | None
    """None: the configuration gives it to nobody, so it stays where it is."""
    to_pool: str | None
    rule: str
    """Of the configuration that mends it."""


def corrections(run: Simulated, current: Iterable[Current], *, untouched: bool) -> Iterator[Move]:
    """What is to be mended, in the order in which the leads came.

    :param untouched: only leads that nobody has accepted or worked on yet.
    """
    now = {one.key: one for one in current if not (untouched and one.touched)}
    for result in run.results:
        has = now.pop(result.arrival.key, None)
        if has is not None and _wrong(result, has):
            simulated = result.simulated
            to = simulated.rep if simulated.status != "merged" else None
            yield Move(
                has.assignment_id, has.key[0], has.status, has.rep, has.pool, to,
                simulated.pool if to else None, simulated.rule,
            )  # fmt: skip


def _wrong(result: Result, has: Current) -> bool:
    """Whether the lead is where it came by its rule, and another pool should have it."""
    recorded, simulated = result.arrival.recorded, result.simulated
    moved_since = recorded.rep != has.rep
    return (
        not moved_since
        and simulated.status != "merged"
        and recorded.pool != simulated.pool
        and simulated.rep != has.rep
    )
