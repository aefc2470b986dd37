"""What happens when the time of a clock is up. Pure.

A breach asks routing for somebody else, at most so many times, then for the manager; where the
manager does not answer either the team's channel is told, and nothing follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.assignment import AssignmentStatus
from schemas.touch import Audience, TouchReason
from services.response.clocks import PERSONAL, five_minutes
from services.response.model import (
    TAKING,
    Ask,
    Change,
    Clock,
    Happening,
    Kind,
    Lead,
    Measured,
    Phase,
)  # fmt: skip
from services.response.model import clock as new_clock
from services.response.policy import Policy
from services.response.telling import telling


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one lead with clocks that are due."""

    change: Change
    since: datetime
    """When the first of them was due."""
    spent: tuple[Clock, ...] = ()
    suspended: tuple[Clock, ...] = ()
    """To be tried again later; their deadlines do not move."""


def decide(
    lead: Lead,
    running: Sequence[Clock],
    read_until: datetime,
    now: datetime,
    policy: Policy,
    *,
    silent: bool,
) -> Decision:
    """Fire what is ripe; while the touch feed is silent nobody loses the lead.

    :param read_until: everything that was told before it has been handled.
    """
    ripe = [one for one in running if (one.try_at or one.due_at) <= read_until]
    # What nobody has is not taken from anybody.
    waits = silent and lead.rep_id is not None
    taking = tuple(one for one in ripe if one.kind in TAKING) if waits else ()
    spent = tuple(one for one in ripe if one not in taking)
    change = fired(lead, spent, running, now, policy)
    first = [one for one in taking if one.try_at in (None, one.due_at)]
    if first:
        kinds = " and ".join(one.kind.value for one in first)
        text = f"The touch feed is silent: {kinds} waits until it speaks again."
        change = change.then(Change(change.lead, story=(_line(lead, now, "suspended", text),)))
    since = min((one.due_at for one in ripe), default=now)
    return Decision(change, since, spent, taking)


def fired(
    lead: Lead, due: Sequence[Clock], running: Sequence[Clock], now: datetime, policy: Policy
) -> Change:
    """The clocks of one lead whose time is up, in their order.

    :param running: all clocks of the lead that run, those that are due among them.
    """
    change = Change(lead)
    taking = any(one.kind in TAKING for one in due)
    for clock in sorted(due, key=lambda one: one.rank):
        if clock.kind in change.stop:
            continue
        match clock.kind:
            case Kind.MEASURE:
                following = _measured(change.lead)
            case Kind.REMINDER if taking:
                following = _late_reminder(change.lead, clock, due, now, policy)
            case Kind.REMINDER:
                following = _reminded(change.lead, clock, running, now, policy)
            case Kind.ACCEPTANCE:
                following = _not_accepted(change.lead, now, policy)
            case Kind.BREACH:
                following = _breached(change.lead, clock, now, policy)
            case Kind.ESCALATION if change.lead.rep_id is None:
                following = _waited(change.lead, now)
            case Kind.ESCALATION:
                why = "nobody touched it in time"
                following = _to_manager(change.lead, now, policy, why)
        change = change.then(following)
    return change


def _measured(lead: Lead) -> Change:
    """The five minutes of a hot lead have passed: touched or not, it counts."""
    return Change(replace(lead, measured=True), measured=(five_minutes(lead),))


def _reminded(
    lead: Lead, clock: Clock, running: Sequence[Clock], now: datetime, policy: Policy
) -> Change:
    until = min((one.due_at for one in running if one.kind in TAKING), default=clock.due_at)
    who = policy.name_of(lead.rep_id)
    note = f"Nobody has touched this lead yet; {who} has it until {until:%H:%M} UTC."
    audience = Audience.MANAGER if lead.escalated else Audience.REP
    return Change(
        lead,
        due=(telling(lead, until, TouchReason.REMINDER, audience, note),),
        story=(_line(lead, now, "reminder", f"{who} is reminded."),),
        measured=(Measured("reminder", lead.tier.value),),
    )


def _late_reminder(
    lead: Lead, clock: Clock, due: Sequence[Clock], now: datetime, policy: Policy
) -> Change:
    """The reminder and what follows it are due at once: we were away for so long.

    Nobody loses a lead unreminded. What follows comes as long after the reminder as it would have.
    """
    moved = tuple(
        new_clock(lead, one.kind, now, now + max(timedelta(), one.due_at - clock.due_at))
        for one in due
        if one.kind in TAKING
    )
    escalates_at = next((one.due_at for one in moved if one.kind is Kind.ESCALATION), None)
    lead = replace(lead, escalates_at=escalates_at or lead.escalates_at)
    stop = frozenset(one.kind for one in moved)
    return Change(lead, start=moved, stop=stop).then(_reminded(lead, clock, moved, now, policy))


def _not_accepted(lead: Lead, now: datetime, policy: Policy) -> Change:
    if lead.accepted_at is not None:
        return Change(lead)
    # Compare-and-set: who accepts at this moment keeps it. Then no answer comes, so the lead is
    # still the rep's and its other clocks go on.
    taken = _taken(lead, now, policy, "not accepted in time", lead.status, "acceptance")
    return replace(taken, lead=lead, stop=frozenset())


def _breached(lead: Lead, clock: Clock, now: datetime, policy: Policy) -> Change:
    breach = Measured("breach", lead.tier.value)
    if lead.escalated:
        taken = _to_team(lead, now, policy)
        return replace(taken, measured=(breach, *taken.measured))
    last = lead.escalates_at is not None and lead.escalates_at <= clock.due_at
    if lead.hops >= policy.hops or last:
        taken = _to_manager(lead, now, policy, "not touched in time by anybody")
    else:
        taken = _taken(lead, now, policy, "not touched in time", None, "breach")
    return replace(taken, measured=(breach, *taken.measured))


def _taken(
    lead: Lead,
    now: datetime,
    policy: Policy,
    why: str,
    expected: AssignmentStatus | None,
    label: str,
) -> Change:
    who = policy.name_of(lead.rep_id)
    text = f"{who}: {why}; somebody else is asked for (hop {lead.hops + 1} of {policy.hops})."
    return Change(
        replace(lead, phase=Phase.ASKED),
        stop=PERSONAL,
        asks=(Ask("reassign", why, expected),),
        story=(_line(lead, now, label, text),),
        measured=(Measured("hop", label),),
    )


def _to_manager(lead: Lead, now: datetime, policy: Policy, why: str) -> Change:
    who = policy.name_of(lead.rep_id)
    return Change(
        replace(lead, phase=Phase.ASKED, escalated=True),
        stop=PERSONAL,
        asks=(Ask("escalate", why),),
        story=(_line(lead, now, "escalation", f"{who}: {why}; the manager is asked for."),),
        measured=(Measured("hop", "escalation"),),
    )


def _to_team(lead: Lead, now: datetime, policy: Policy) -> Change:
    who = policy.name_of(lead.rep_id)
    note = f"Nobody touched this lead in time; {who} has it."
    return Change(
        replace(lead, phase=Phase.ESCALATED),
        stop=PERSONAL,
        due=(telling(lead, now, TouchReason.BREACH, Audience.TEAM, note),),
        story=(_line(lead, now, "team_told", f"{who} did not touch it either: the team is told."),),
        measured=(Measured("hop", "team"),),
    )


def _waited(lead: Lead, now: datetime) -> Change:
    """Nobody could take it: the manager is asked for, and where that did not help the team told."""
    if not lead.escalated:
        return Change(
            replace(lead, escalated=True),
            asks=(Ask("escalate", "nobody could take it in time"),),
            story=(_line(lead, now, "escalation", "Nobody took it; the manager is asked for."),),
            measured=(Measured("hop", "escalation"),),
        )
    note = "Nobody could take this lead in time, the manager neither; it still waits."
    return Change(
        replace(lead, phase=Phase.ESCALATED),
        due=(telling(lead, now, TouchReason.BREACH, Audience.TEAM, note),),
        story=(_line(lead, now, "team_told", "Nobody could take it: the team is told."),),
        measured=(Measured("hop", "team"),),
    )


def _line(lead: Lead, at: datetime, what: str, text: str) -> Happening:
    return Happening(at, what, text, lead.assignment_id, lead.rep_id)
