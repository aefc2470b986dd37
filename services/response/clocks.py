"""What an assignment does to the clocks of its lead. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from schemas.assignment import ACTIVE, AssignmentChanged, AssignmentStatus
from schemas.base import TierName
from services.kernel.answering import opening_of
from services.response.model import Change, Clock, Happening, Kind, Lead, Measured, Phase, clock
from services.response.terms import Terms
from services.response.waiting import held, team_knows

FIVE_MINUTES = timedelta(minutes=5)
"""In which a hot lead is to be touched. Source: the study of 1.25 million leads (HBR, 2011)."""

PERSONAL = frozenset({Kind.ACCEPTANCE, Kind.REMINDER, Kind.BREACH, Kind.ESCALATION})
"""The clocks of whoever has the lead; a hand-raise is measured whoever has it."""

_RANK = {TierName.HOT: 0, TierName.WARM: 1, TierName.NURTURE: 2}
_AWAY = frozenset({AssignmentStatus.NURTURED, AssignmentStatus.CLOSED})


def assigned(
    before: Lead | None, event: AssignmentChanged, now: datetime, terms: Terms
) -> Change | None:
    """What an AssignmentChanged changes; None for one that was overtaken.

    :param before: the lead for the event's role, as it was.
    :param now: the database's time.
    """
    if before is not None and event.sequence <= before.sequence:
        return None
    if event.status is AssignmentStatus.RE_ENGAGED:
        return _raised_again(before, event, now, terms)
    if event.status not in ACTIVE:
        return _without_rep(before, event, now, terms)
    known = before is not None and before.assignment_id == event.assignment_id
    if before is not None and known and before.status in ACTIVE:
        return _noted(before, event, now)
    return _given(before, event, now, terms)


def started(lead: Lead, now: datetime, terms: Terms) -> Change:
    """The clocks of a rep who has the lead start now."""
    steps, business = terms.steps(lead), terms.business(lead, now)
    lead = replace(lead, phase=Phase.RUNNING, config_version=terms.version)
    amounts = {Kind.REMINDER: steps.reminder, Kind.BREACH: steps.breach}
    if lead.accepted_at is None:
        amounts[Kind.ACCEPTANCE] = steps.acceptance
    due = {kind: business.due(now, one) for kind, one in amounts.items() if one is not None}
    if not lead.escalated and steps.escalation is not None:
        if lead.escalates_at is None:
            lead = replace(lead, escalates_at=business.due(now, steps.escalation))
        assert lead.escalates_at is not None
        # One that passed while nobody had the lead leaves the rep the usual time: the breach
        # then goes to the manager.
        if lead.escalates_at > now:
            due[Kind.ESCALATION] = lead.escalates_at
    clocks = tuple(clock(lead, kind, now, at) for kind, at in due.items())
    return Change(lead, start=clocks, story=(_clocks_started(lead, clocks, now, terms),))


def five_minutes(lead: Lead) -> Measured:
    """How the five minutes of a hot hand-raise ended."""
    in_time = lead.touched_at is not None and lead.touched_at <= lead.raised_at + FIVE_MINUTES
    return Measured("five_minutes", "touched" if in_time else "untouched")


# -- the cases ----------------------------------------------------------------------------------
def _given(before: Lead | None, event: AssignmentChanged, now: datetime, terms: Terms) -> Change:
    """A rep has the lead who did not have it before."""
    began = _raise(before, event, now, terms)
    given_at = min(event.decided_at, now)
    lead = replace(
        began.lead,
        phase=Phase.RUNNING,
        given_at=given_at,
        opens_at=None,
        accepted_at=given_at if event.status is AssignmentStatus.ACCEPTED else None,
        escalated=began.lead.escalated or event.status is AssignmentStatus.ESCALATED,
    )
    change = replace(began, lead=lead, stop=PERSONAL)
    opens_at = _opening(lead, terms)
    if opens_at is None:
        return change.then(started(lead, given_at, terms))
    queued = replace(lead, phase=Phase.QUEUED, opens_at=opens_at, config_version=terms.version)
    who = terms.policy.name_of(lead.rep_id)
    text = f"{who} is not at work: the clocks start at opening, {_moment(opens_at)}."
    return change.then(Change(queued, story=(_line(queued, now, "queued", text),)))


def _raised_again(
    before: Lead | None, event: AssignmentChanged, now: datetime, terms: Terms
) -> Change:
    """The same owner, a new clock; where one still runs, the earlier deadline stays."""
    if before is None or before.assignment_id != event.assignment_id:
        return _given(before, event, now, terms)
    began = _raise(before, event, now, terms, again=True)
    lead = replace(
        began.lead,
        # Whether it was accepted before is nothing to the new hand-raise.
        status=before.status,
        escalated=began.lead.escalated or before.status is AssignmentStatus.ESCALATED,
        accepted_at=None if began.lead.touched_at is None else before.accepted_at,
    )
    if before.phase is Phase.QUEUED:
        return replace(began, lead=replace(lead, phase=Phase.QUEUED, opens_at=before.opens_at))
    at = min(event.decided_at, now)
    anew = started(replace(lead, given_at=at, escalates_at=None, hops=0), at, terms)
    return began.then(anew)


def _noted(before: Lead, event: AssignmentChanged, now: datetime) -> Change:
    """The rep who has it still has it: accepted, or merely mentioned again."""
    lead = replace(before, sequence=event.sequence, status=event.status)
    if event.status is not AssignmentStatus.ACCEPTED:
        return Change(lead)
    at = min(event.decided_at, now)
    if before.accepted_at is not None:  # a tool said so, and may have been read first
        return Change(replace(lead, accepted_at=min(before.accepted_at, at)))
    return _accepted(lead, at, event.rep.name if event.rep else "")


def _accepted(lead: Lead, at: datetime, who: str) -> Change:
    """Only the acceptance clock stops: the person still waits for an answer."""
    took = (at - lead.given_at).total_seconds() if lead.given_at is not None else 0.0
    return Change(
        replace(lead, accepted_at=at),
        stop=frozenset({Kind.ACCEPTANCE}),
        story=(_line(lead, at, "accepted", f"{who} accepted."),),
        measured=(Measured("accepted", lead.tier.value, max(0.0, took)),),
    )


def _without_rep(
    before: Lead | None, event: AssignmentChanged, now: datetime, terms: Terms
) -> Change:
    """Held, nurtured, or an attempt that ended: no rep, no clock of a rep."""
    began = _raise(before, event, now, terms)
    lead = replace(began.lead, phase=Phase.NOBODY, opens_at=None, given_at=None)
    ended = before is not None and before.phase in (Phase.RUNNING, Phase.QUEUED)
    line = _line(lead, now, "stopped", f"The clocks stop: {event.status.value}.")
    change = replace(began, lead=lead, stop=PERSONAL, story=(line,) if ended else ())
    if event.status is not AssignmentStatus.HELD or lead.touched_at is not None:
        return change
    if team_knows(before, lead):
        return replace(change, lead=replace(lead, phase=Phase.ESCALATED))
    return change.then(held(lead, min(event.decided_at, now), terms))


# -- raises -------------------------------------------------------------------------------------
def _raise(
    before: Lead | None,
    event: AssignmentChanged,
    now: datetime,
    terms: Terms,
    *,
    again: bool = False,
) -> Change:
    """The lead with its raise: the one that is waited for, or the event's own."""
    lead = replace(_lead(event), config_version=terms.version)
    if before is not None and not _is_new(before, event, again=again):
        kept = replace(
            lead,
            raise_id=before.raise_id,
            raised_at=before.raised_at,
            touched_at=before.touched_at,
            # A breach or a reject: the same hand-raise goes on to somebody else.
            hops=before.hops + int(before.assignment_id != lead.assignment_id),
            measured=before.measured,
            escalates_at=before.escalates_at,
            escalated=before.escalated,
            accepted_at=before.accepted_at,
            config_version=before.config_version,
        )
        return Change(kept)
    change = Change(lead) if before is None else _overtaken(before, lead)
    if lead.tier is not TierName.HOT or event.status in _AWAY:
        return replace(change, lead=replace(lead, measured=True))
    due = lead.raised_at + FIVE_MINUTES / terms.scale
    return replace(change, start=(clock(lead, Kind.MEASURE, lead.raised_at, due),))


def _overtaken(before: Lead, lead: Lead) -> Change:
    """A hand-raise that was answered within its minutes need not wait for their end."""
    if before.measured:
        return Change(lead)
    measured = () if before.touched_at is None else (five_minutes(before),)
    return Change(lead, stop=frozenset({Kind.MEASURE}), measured=measured)


def _is_new(before: Lead, event: AssignmentChanged, *, again: bool) -> bool:
    """Whether the event tells of another hand-raise than the one that is waited for.

    A person who asks twice before anybody answered waits since the first time, unless the second
    is more urgent.
    """
    if before.cycle != event.cycle:
        return True
    if event.submission_id is None or event.submission_id == before.raise_id:
        return False
    opens = again or before.assignment_id != event.assignment_id
    if not opens and before.status not in _AWAY:
        return False
    unanswered = before.touched_at is None and before.status not in _AWAY
    return not unanswered or _RANK[event.tier] < _RANK[before.tier]


def _lead(event: AssignmentChanged) -> Lead:
    return Lead(
        lead_id=event.lead_id,
        role=event.role,
        account_key=event.account_key,
        sequence=event.sequence,
        assignment_id=event.assignment_id,
        cycle=event.cycle,
        attempt=event.attempt,
        status=event.status,
        rep_id=event.rep.id if event.rep is not None else None,
        pool=event.pool,
        tier=event.tier,
        kind=event.kind,
        channel=event.channel,
        motion=event.motion,
        raise_id=event.submission_id or event.assignment_id,
        raised_at=event.received_at,
        phase=Phase.NOBODY,
    )


def _opening(lead: Lead, terms: Terms) -> datetime | None:
    """When the clocks of a lead of the night may start; None where they start at once."""
    assert lead.given_at is not None
    business = terms.business(lead, lead.given_at)
    return opening_of(terms.policy, lead.pool, lead.tier, business, lead.given_at)


# -- words --------------------------------------------------------------------------------------
def _clocks_started(
    lead: Lead, clocks: tuple[Clock, ...], now: datetime, terms: Terms
) -> Happening:
    who = terms.policy.name_of(lead.rep_id)
    if not clocks:
        return _line(lead, now, "started", f"{who} has it; no clock runs for {lead.tier} leads.")
    steps = sorted(clocks, key=lambda one: one.rank)
    said = ", ".join(f"{one.kind} {_moment(one.due_at)}" for one in steps)
    text = f"The clocks of {who} start ({terms.policy.time_of(lead.pool)}): {said}."
    return _line(lead, now, "started", text)


def _line(lead: Lead, at: datetime, what: str, text: str) -> Happening:
    return Happening(at, what, text, lead.assignment_id, lead.rep_id)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
