"""The one sentence that tells a person why. Names reps and pools, never the lead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.routing.plan import Plan
from services.routing.policy import CATCH_ALL
from services.routing.subject import How, Placement

_KINDS = {
    "demo_request": "Demo request",
    "contact_sales": "Request for sales contact",
    "pricing_request": "Pricing request",
    "free_trial": "Free trial",
    "content_download": "Content download",
    "webinar": "Webinar",
    "event": "Event visit",
    "newsletter": "Newsletter sign-up",
    "chat": "Chat",
    "referral": "Referral",
    "prospect": "Prospect",
}

_NAMED = {
    How.BY_HAND: "given to {rep} by hand",
    How.KEPT: "goes on with {rep}",
    How.CLAIMED: "{rep} claimed it from pool {pool}",
    How.ESCALATED: "escalated to {rep}, who answers for pool {pool}",
}
_CLAIMS = {
    "open_opportunity": "owns the account, with which a deal is open",
    "customer": "owns the account, which is a customer",
    "named": "owns the account, which is a named one",
    "account": "owns the account",
    "contact": "already has a colleague at the same company",
}
"""What makes somebody the owner, by level."""


def of_placement(plan: Plan, facts: Mapping[str, object], placement: Placement) -> str:
    """Why the lead is where it is now."""
    rule = (
        "no rule fired" if placement.target.rule == CATCH_ALL else f"rule '{placement.target.rule}'"
    )
    return f"{who(facts)}: {_outcome(plan, placement, rule)}."


def who(facts: Mapping[str, object]) -> str:
    """What came, as far as it may be told to anybody: kind, size and country of the company."""
    text = _KINDS.get(str(facts.get("kind")), "Lead")
    headcount = facts.get("company.headcount")
    if isinstance(headcount, int | float):
        # Forms ask for ranges, of which the lower end is kept: "+" is true of both.
        text += f" from a company of {headcount:,.0f}+ people"
    country = facts.get("company.country") or facts.get("country.resolved")
    return f"{text} in {country}" if country else text


def name(plan: Plan, rep_id: str | None) -> str:
    """What a person is called; the id where the configuration no longer knows them."""
    rep = plan.rep(rep_id)
    return rep.name if rep is not None else str(rep_id)


def _outcome(plan: Plan, placement: Placement, rule: str) -> str:
    rep, pool = name(plan, placement.rep), placement.pool
    free = f"{placement.free} of {placement.members} free"
    match placement.how:
        case How.OWNER | How.BACKUP | How.WAITS:
            return _owned(plan, placement)
        case How.OFFERED | How.DIVERTED:
            return f"{rule}; {_not_given(placement)}"
        case How.TURN:
            return f"{rule}; {rep} was next in pool {pool} ({free})"
        case How.OVERFLOW:
            return f"{rule}, nobody free there; {rep} was next in overflow pool {pool} ({free})"
        case How.CATCH_ALL:
            return f"{rule}, held too long; {rep} was next in catch-all pool {pool} ({free})"
        case How.ANYWAY:
            return f"{rule}; nobody was free in pool {pool}, and it was {rep}'s turn"
        case How.NOBODY_FREE:
            return f"{rule}; nobody in pool {pool} is free, next try {_at(placement.held_until)}"
        case How.BEHIND:
            noun = "lead" if placement.ahead == 1 else "leads"
            return f"{rule}; waits in pool {pool} behind {placement.ahead} {noun}"
        case How.NURTURE:
            return f"{rule} sends it to nurture"
        case how:
            return _NAMED[how].format(rep=rep, pool=pool)


def _not_given(placement: Placement) -> str:
    found = placement.target.divert
    if placement.how is How.OFFERED or found is None:
        until = _at(placement.held_until)
        return f"offered to pool {placement.pool}, by turn at {until} unless somebody claims it"
    return f"no lead but {found.kind}" + (f", for {found.to}" if found.to else "")


def _owned(plan: Plan, placement: Placement) -> str:
    rep, owner = name(plan, placement.rep), name(plan, placement.owner)
    claim = _CLAIMS[placement.level or "contact"]
    match placement.how:
        case How.BACKUP:
            return f"{rep} stands in for {owner}, who {claim}"
        case How.WAITS:
            return f"waits for {owner}, who {claim} and is back {_at(placement.held_until)}"
        case _:
            return f"{rep} {claim}"


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment is not None else "soon"
