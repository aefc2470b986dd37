"""A lead that nobody can take: how long it may wait, and who hears of it then. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.response.model import Change, Happening, Kind, Lead, Phase, clock
from services.response.terms import Terms


def team_knows(before: Lead | None, lead: Lead) -> bool:
    """Whether the team was told that nobody could take this very hand-raise."""
    told = before is not None and before.phase is Phase.ESCALATED and before.rep_id is None
    return told and before is not None and before.raise_id == lead.raise_id


def held(lead: Lead, at: datetime, terms: Terms) -> Change:
    """Whom nobody can take reaches the manager once the time for it is up, and then the team."""
    amount = terms.steps(lead).escalation
    if amount is None:
        return Change(lead)
    if lead.escalated:  # the manager could not take it either
        return Change(lead, start=(clock(lead, Kind.ESCALATION, at, at),))
    first = lead.escalates_at is None
    due = lead.escalates_at or terms.held_until(lead, at, amount)
    lead = replace(lead, escalates_at=due, config_version=terms.version)
    text = f"Nobody has it yet; the manager is asked for at {due:%Y-%m-%d %H:%M:%S} UTC."
    story = (Happening(at, "waiting", text, lead.assignment_id),) if first else ()
    return Change(lead, start=(clock(lead, Kind.ESCALATION, at, due),), story=story)
