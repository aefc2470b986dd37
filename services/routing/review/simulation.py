"""Any configuration over recorded traffic: who would have got what, and when. Pure, deterministic.

Every placement is the one of routing itself, on a board whose turns, counted leads, queues,
colleagues and absences are those of the simulated course. What people did is taken from the record:
an acceptance or a release applies to whoever has the lead, a rejection only where the same rep has
it, as nobody knows what another would have done.
"""

from __future__ import annotations

from datetime import datetime

from services.routing.plan import Plan
from services.routing.returning import Returning, returning
from services.routing.review.cases import HAS, Case, Result, Simulated
from services.routing.review.course import Course
from services.routing.review.draining import drain
from services.routing.review.traffic import Arrival, Asked, Event, News, Outcome, Touch, Traffic
from services.routing.review.world import World
from services.routing.subject import Wish


def simulate(plan: Plan, version: str, traffic: Traffic) -> Simulated:
    """Run ``traffic`` through ``plan``."""
    run = _Run(plan, version, traffic)
    for event in traffic.events:
        run.until(event.at)
        run.take(event)
    run.until(traffic.until)
    return Simulated(version, tuple(run.results), len(run.course.unanswered), run.ignored)


class _Run:
    def __init__(self, plan: Plan, version: str, traffic: Traffic) -> None:
        self.plan = plan
        self.course = Course(plan, World(plan, version, traffic))
        self.results: list[Result] = []
        self.ignored = 0
        for one in traffic.opened:
            self.course.opens(one, traffic.since)

    def until(self, end: datetime) -> None:
        """Look at the queues as often as they are due up to ``end``."""
        while (found := self.course.agenda.due(end)) is not None:
            drain(self.course, *found)

    def take(self, event: Event) -> None:
        """Carry out one event."""
        match event:
            case Arrival():
                outcome = self._arrived(event)
                if event.counted:
                    self.results.append(Result(event, outcome))
            case Touch():
                if (case := self.course.cases.get(event.key)) is not None and case.status in HAS:
                    case.touched_at = event.at
            case News():
                if (case := self.course.cases.get(event.key)) is not None:
                    case.known = event.known
                    if case.status == "nurtured":
                        self.course.place(case, event.at)
            case Asked():
                self._asked(event)

    def _arrived(self, event: Arrival) -> Outcome:
        case = self.course.cases.get(event.key)
        if case is not None and case.status in HAS:
            if not self._anew(case, event):
                case.touched_at = event.at
                return Outcome("merged", case.rep, case.pool, "", event.at)
            self.course.gone(case)
        if case is not None and case.status in ("held", "nurtured"):
            case.known, case.own = event.known, False
        else:
            excluded = case.excluded if case is not None and case.status == "expired" else ()
            case = Case(event.key, event.assignment_id, event.known, "new", excluded=excluded)
            self.course.cases[event.key] = case
        outcome = case.outcome = Outcome("held", None, None, "", event.at)
        self.course.place(case, event.at)
        return outcome

    def _anew(self, case: Case, event: Arrival) -> bool:
        """Whether a new attempt takes the place of one that somebody has."""
        idle = event.at - case.touched_at if case.touched_at is not None else None
        match returning(self.plan, case.rep, event.known.features.get("kind"), idle):
            case Returning.LEFT:
                case.status = "expired"
                return True
            case Returning.STALE:
                case.status = "closed"
                return True
            case _:
                return False

    def _asked(self, event: Asked) -> None:
        case = self.course.cases.get(event.key)
        if case is None or case.status in ("closed", "expired"):
            return
        match event.action:
            case "accept":
                self.course.accepted(case, event.at)
            case "release":
                self.course.ended(case, event.at)
            case "divert":
                self.course.give_back(case, event.at, limited=False)
                self.course.ended(case, event.at)
            case "claim":
                self.ignored += not self.course.claimed(case, event.at, event.rep or "")
            case "reject" if event.rep != case.rep:
                self.ignored += 1
            case "reject" if event.hand_back and case.status in HAS:
                self.course.give_back(case, event.at)
                self.course.ended(case, event.at)
            case "reject" | "reassign" | "escalate" if case.status in HAS:
                self._again(case, event)

    def _again(self, case: Case, event: Asked) -> None:
        """The next attempt of a lead that comes back."""
        if event.action == "reject" or event.correction:
            self.course.give_back(case, event.at)
        # Whom somebody named by hand is named in any configuration that knows them.
        to = event.to if self.plan.rep(event.to) is not None else None
        pool = event.to_pool if to is not None and self.plan.pool(event.to_pool) else None
        wish = Wish(to, event.correction, event.action == "escalate", pool=pool)
        self.course.again(case, event.at, wish)
