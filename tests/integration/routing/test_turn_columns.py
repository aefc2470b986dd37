"""A turn that an older release stored can be given back by this one."""

from __future__ import annotations

import importlib
from dataclasses import replace

from services.routing.store import boards
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.leads import files, scored

OLDER = """
update routing.attempts set turn = (turn - 'members' - 'weights') || jsonb_build_object('shares',
    (select jsonb_object_agg(member, share)
     from unnest($1::text[], $2::bigint[]) as s (member, share)))
"""


async def test_shares_of_an_older_release_become_weights(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"zoe": 2, "a_b": 1, "a.b": 4}))
    (given,) = await desk.route(scored())
    migration = importlib.import_module("services.routing.migrations.0015_turn_weights")
    async with desk.pool.acquire() as connection:
        [before] = (await boards.attempts(connection, [given.assignment_id])).values()
        assert before.turn is not None
        assert before.turn.weights == (4, 1, 2)
        shared = before.turn.shares
        await connection.execute(OLDER, list(shared), list(shared.values()))
        await connection.execute(migration.DDL)
        [after] = (await boards.attempts(connection, [given.assignment_id])).values()
    assert after.turn is not None
    assert after.turn.shares == shared
    weights = before.turn.weights
    assert replace(after, turn=replace(after.turn, weights=weights)) == before
