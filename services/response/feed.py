"""Whether the touch feed can be trusted: one that says nothing may have missed the touch. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.kernel.calendars import common_intervals
from services.response.model import Lead
from services.response.terms import Terms

_LOOK_BACK = timedelta(days=30)
"""Silence is not counted further back: nobody waits for so long that it says nothing."""


def silent(terms: Terms, lead: Lead, heard: datetime | None, now: datetime) -> bool:
    """Whether nothing was heard for too long, in the hours in which this lead's clocks run.

    A quiet night is no fault: only time counts in which the rep and the team work.

    :param heard: when the newest thing happened that was told; None: nothing ever was.
    """
    policy = terms.policy
    if heard is None:
        return policy.feed_required
    if now - heard <= policy.feed_stale_after:
        return False
    since = max(heard, now - _LOOK_BACK)
    schedules = terms.business(lead, now).schedules
    quiet = sum(
        (stop - begin for begin, stop in common_intervals(schedules, since, now)), timedelta()
    )
    return quiet > policy.feed_stale_after
