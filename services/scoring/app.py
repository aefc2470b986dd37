"""Builds the scoring service: two lanes of one stage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from schemas.base import Lane
from schemas.enrichment import LeadEnriched
from schemas.topics import enriched, scored
from services.runtime.service import Context
from services.runtime.stage import StageSpec
from services.scoring.config import parse
from services.scoring.handlers import Scorer

_MOST_RECORDS: Final = {Lane.LIVE: 500, Lane.BULK: 50}


async def build(ctx: Context) -> None:
    """Declare what this process does; the shell starts it."""
    live = await ctx.config(parse)
    for lane in Lane:
        await ctx.pool(lane)
        outbox = ctx.outbox("scoring", lane)
        scorer = Scorer(outbox, lambda: live.current, lambda: datetime.now(UTC))
        ctx.lane(lane).add(
            StageSpec(
                name="scoring" if lane is Lane.LIVE else "scoring.bulk",
                service="scoring",
                lane=lane,
                inputs=(enriched(lane),),
                model=LeadEnriched,
                outputs=(scored(lane),),
                handler=scorer.handle,
                max_records=_MOST_RECORDS[lane],
                on_acknowledged=outbox.acknowledged,
            )
        )
