"""The law of the turns on a real database, with two processes and both lanes at once."""

from __future__ import annotations

import asyncio
import random
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.base import Lane, TierName
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.leads import files, many

NAMES = [f"rep{n}" for n in range(8)]
_EXAMPLE = count()

pools = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 9), min_size=2)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(weights=pools, absences=st.booleans(), apart=st.booleans(), seed=st.integers(0, 2**16))
async def test_counts_follow_entitlement(
    open_desk: OpenDesk, weights: dict[str, int], absences: bool, apart: bool, seed: int
) -> None:
    config = files(weights, pool_options=f", rotate_tiers_apart: {str(apart).lower()}")
    one, two = await open_desk(config), await open_desk(config)
    await one.pool.execute(
        "truncate routing.leads, routing.attempts, routing.turns, routing.history, routing.reps,"
        " routing.rep_changes"
    )
    await one.publish(config)
    chance = random.Random(seed)
    routed = 0
    for turn in range(6):
        if absences:
            paused = [rep for rep in weights if chance.random() < 0.4]
            await one.paused(*(paused if len(paused) < len(weights) else paused[1:]))
        batches = [
            desk.route(
                *many(
                    chance.randint(1, 6),
                    prefix=f"x{next(_EXAMPLE)}n{turn}",
                    tier=chance.choice([TierName.HOT, TierName.WARM]),
                ),
                lane=lane,
            )
            for desk in (one, two)
            for lane in Lane
        ]
        routed += sum(len(batch) for batch in await asyncio.gather(*batches))
        rows = await one.fetch("select tier_group, count, deviation from routing.fairness")
        assert sum(row["count"] for row in rows) == routed
        assert {row["tier_group"] for row in rows} <= ({"hot", "warm"} if apart else {"all"})
        limit = 2 if absences else 1
        assert max(abs(row["deviation"]) for row in rows) <= limit
