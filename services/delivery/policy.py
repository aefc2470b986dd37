"""Who is told of a change, whether a message is still wanted, and when to try again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.touch import Audience, TouchDue, TouchReason
from services.delivery.config import (
    DeliveryFile,
    EmailSink,
    Sink,
    SlackSink,
    WebhookSink,
)
from services.delivery.model import Current, Delivery
from services.delivery.planconfig import PlanSink
from services.delivery.sinkconfig import TELLS_A_REP, Only

STANDARD_WEBHOOKS_S: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds between attempts, as standardwebhooks.com recommends."""
_OTHERS_S: Final = (1, 2, 5, 15, 30, 60, 120, 300, 600)
_JITTER: Final = 0.2


def touched_by(config: DeliveryFile, touch: TouchDue, event: AssignmentChanged) -> Iterator[str]:
    """Names of the enabled sinks that tell of a touch that is due."""
    for name, sink in config.sinks.items():
        if sink.enabled and wanted_touch(sink, touch, event):
            yield name


def wanted_by(config: DeliveryFile, event: AssignmentChanged) -> Iterator[str]:
    """Names of the enabled sinks that this change is for."""
    for name, sink in config.sinks.items():
        if sink.enabled and wanted(sink, event):
            yield name


def wanted(sink: Sink, event: AssignmentChanged) -> bool:
    """Whether the sink is told of this change."""
    if isinstance(sink, PlanSink):
        return False
    only = sink.only
    statuses = sink.statuses() if only.statuses is None else only.statuses
    return event.status in statuses and _within(only, event)


def wanted_touch(sink: Sink, touch: TouchDue, event: AssignmentChanged) -> bool:
    """Whether the sink tells the rep, or the team, of a touch that is due.

    :param event: the latest change of the attempt.
    """
    match sink:
        case WebhookSink():
            return _within(sink.only, event)
        case PlanSink():
            ours = touch.reason is TouchReason.CADENCE and touch.plan in sink.sequences
            return ours and (touch.ended is not None or _within(sink.only, event))
        case _ if touch.ended is not None:
            return False
        case SlackSink():
            reaches = touch.audience is not Audience.TEAM or sink.channel or not sink.token
            return bool(reaches) and _within(sink.only, event)
        case EmailSink():
            return touch.audience is not Audience.TEAM and _within(sink.only, event)
        case _:
            return False


def needless(sink: Sink, it: Delivery, current: Current | None) -> str | None:
    """Why a delivery is not needed any more; None where it is."""
    if it.touch is None:
        return overtaken(sink, it.event, current)
    if it.touch.ended is not None:
        return None
    if current is None or current.assignment_id != it.touch.assignment_id:
        return "overtaken"
    # The team is told of a lead that nobody could take, too.
    waits = current.status == AssignmentStatus.HELD and it.touch.audience is Audience.TEAM
    return None if current.active or waits else "overtaken"


def place_of(sink: Sink, it: Delivery) -> str | None:
    """What a message shares its turns with; None: nobody counts.

    Slack takes one message a second in a channel, and by an incoming webhook; changing one that is
    there is counted apart (docs.slack.dev, Rate limits).
    """
    if not isinstance(sink, SlackSink) or sink.per_channel is None:
        return None
    if sink.token is None:
        return "webhook"
    posts = it.touch is not None or it.event.status in TELLS_A_REP
    return sink.channel_for(it.event, it.touch) if posts else None


def _within(only: Only, event: AssignmentChanged) -> bool:
    return (
        (only.tiers is None or event.tier in only.tiers)
        and (only.pools is None or event.pool in only.pools)
        and (only.roles is None or event.role in only.roles)
        and (only.motions is None or event.motion in only.motions)
        and (only.lanes is None or event.lane in only.lanes)
    )


def overtaken(sink: Sink, event: AssignmentChanged, current: Current | None) -> str | None:
    """Why a message is not needed any more; None where it is.

    Webhooks tell the whole history. Whoever tells a rep or writes an owner says only what is true
    now: a lead that has moved on while a sink was away is not announced to the one before.
    """
    if isinstance(sink, WebhookSink) or current is None or current.sequence <= event.sequence:
        return None
    if _changes_a_message(sink, event):
        return None
    if current.assignment_id != event.assignment_id:
        return "overtaken"
    over = not current.active and current.status != AssignmentStatus.RE_ENGAGED
    return "overtaken" if over else None


def _changes_a_message(sink: Sink, event: AssignmentChanged) -> bool:
    return isinstance(sink, SlackSink) and event.status not in TELLS_A_REP


def look_again(age: timedelta) -> float:
    """Seconds until it is looked again whether what a message waits for is known."""
    return min(60.0, max(1.0, age.total_seconds() / 10))


def wait(sink: Sink, attempt: int, asked_s: float | None, spread: float) -> timedelta:
    """Until the next attempt: what the sink asked for, else by its schedule.

    :param attempt: how many were made, at least 1.
    :param spread: 0 to 1, by chance, so that messages do not come back all at once.
    """
    schedule = STANDARD_WEBHOOKS_S if isinstance(sink, WebhookSink) else _OTHERS_S
    seconds = float(schedule[min(attempt, len(schedule)) - 1])
    if asked_s is not None:
        # A sink that says when is believed within reason.
        seconds = max(min(asked_s, 86_400.0), 0.0)
    return timedelta(seconds=seconds * (1 + _JITTER * spread))
