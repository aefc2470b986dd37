"""The territory report over what was recorded, as the command and the route read it."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import asyncpg

from services.routing.review.territories import Period, reports
from services.runtime.configstore import ConfigStore
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.leads import MONDAY_NINE, files, many

TABLES = """
tables:
  field:
    rows:
      - {territory: north, pool: desk, country: DE, employees_from: 1, employees_to: 99}
      - {territory: large, pool: desk, country: DE, employees_from: 50}
"""


async def test_leads_are_counted_where_they_fell(open_desk: OpenDesk) -> None:
    rules = "  - {id: field, when: {tier: [hot]}, territory: field}"
    desk = await open_desk({**files(rules=rules), "territories.yaml": TABLES})
    for prefix, country, size, count in (
        ("s", "DE", 10, 3),
        ("b", "DE", 70, 2),
        ("f", "FR", 70, 1),
    ):
        facts = {"company_country": country, "headcount": size}
        await desk.route(*many(count, prefix=prefix, facts=facts))
    async with desk.pool.acquire() as proxy:
        connection = cast(asyncpg.Connection, proxy)
        _, active = await ConfigStore().active(connection)
        period = Period(MONDAY_NINE, desk.now + timedelta(seconds=1))
        found = await reports(active, connection=connection, period=period)
    (one,) = found["tables"]
    assert (one["leads"], one["leads_nowhere"]) == (6, 1)
    assert {row["territory"]: row["leads"] for row in one["territories"]} == {
        "north": 5,
        "large": 0,
    }
    (pair,) = one["overlaps"]
    assert (pair["wins"]["territory"], pair["leads"]) == ("north", 2)
    assert (pair["wins"]["file"], pair["wins"]["line"]) == ("territories.yaml", 5)
    (nowhere,) = one["nowhere"]
    assert (nowhere["country"], nowhere["went_to"]) == ("FR", "desk")
