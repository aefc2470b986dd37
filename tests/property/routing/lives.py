"""What the state machine lives in: teams that may be published, and what a database would keep."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from schemas.base import Motion
from services.kernel.people import Window
from services.routing.board import Loaded
from services.routing.fairness import Turns
from services.routing.model import Attempt, Change, Given, Load
from services.routing.overlay import RepChange, overlays
from services.routing.plan import Plan
from tests.integration.routing.leads import plan

WEIGHTS = {"ana": 2, "ben": 1, "cleo": 3, "dan": 1}
TEAMS = ({"ana", "ben", "cleo"}, {"ana", "ben", "cleo", "dan"}, {"ana", "cleo"}, {"dan"})
_OTHERS = "\n".join(
    f"  - {{id: {rep}, name: {rep.title()} Test, email: {rep}@example.com, role: sdr,"
    f" time_zone: UTC, calendar: always}}"
    for rep in ("maya", "eve")
)
LISTED = ("ana", "cleo", "eve")
"""Members of the pull pool."""
OFFERED_FOR = timedelta(hours=2)
_SPARE = f"""\
  - {{id: spare, role: sdr, members: [eve]}}
  - {{id: list, role: sdr, members: [{", ".join(LISTED)}], pull: {{within: 2h}}}}"""
_RULES = """\
  - {id: help, when: {kind: other}, divert: {kind: support}}
  - {id: not-yet, when: {tier: nurture}, nurture: true}
  - {id: webinars, when: {kind: webinar}, pool: spare}
  - {id: partners, when: {kind: referral}, pool: list}"""


def _plan(team: frozenset[str], apart: bool) -> Plan:
    missing = "\n".join(
        f"  - {{id: {rep}, name: {rep.title()} Test, email: {rep}@example.com, role: sdr,"
        f" time_zone: UTC, calendar: office}}"
        for rep in sorted(WEIGHTS.keys() - team)
    )
    return plan(
        {rep: WEIGHTS[rep] for rep in sorted(team)},
        calendar="office",
        reps=f"{_OTHERS}\n{missing}",
        pools=_SPARE,
        rules=_RULES,
        pool_options=f", rotate_tiers_apart: {str(apart).lower()}",
        routing=(
            "managers: {desk: maya}\nowner: {away: pool}\ndiversions: {support: help@example.com}"
        ),
    )


PLANS = {(frozenset(team), apart): _plan(frozenset(team), apart)
         for team in TEAMS for apart in (False, True)}  # fmt: skip


@dataclass
class Stored:
    """The database: what is committed."""

    loaded: Loaded
    attempts: dict[UUID, Attempt]
    changes: list[RepChange]
    inbox: dict[UUID, list[Change]]

    def copied(self, now: datetime) -> Loaded:
        """What a transaction reads: its own copy, as the locks make it."""
        was = self.loaded
        believed = [one for one in self.changes if one.superseded_at is None]
        return Loaded(
            leads=dict(was.leads),
            colleagues={account: dict(found) for account, found in was.colleagues.items()},
            turns={key: Turns(turns) for key, turns in was.turns.items()},
            loads={rep: self._load(rep, now) for rep in WEIGHTS},
            overlays=overlays(believed, now),
            waiting={pool: list(queue) for pool, queue in was.waiting.items()},
        )

    def turns_kept(self) -> Counter[tuple[str, str]]:
        """Turns per rotation that were given and not returned."""
        return Counter(
            (one.turn.pool, one.turn.group)
            for one in self.attempts.values()
            if one.turn is not None and not one.turn.returned
        )

    def _load(self, rep: str, now: datetime) -> Load:
        mine = [one for one in self.attempts.values() if one.rep_id == rep]
        midnight = now.replace(hour=0, minute=0)
        today = sum(
            1
            for one in mine
            if one.given_at is not None
            and one.given_at >= midnight
            and not (one.turn is not None and one.turn.returned)
        )
        given = (Given("desk", Motion.INBOUND, {Window.DAY: today}, {}),)
        return Load(given, sum(one.unworked for one in mine))
