"""Whether a person may be reached by what a sink would do. Pure.

Unsubscribed stops everything but what the person asked for: a demo request is answered, a cadence,
a marketing list and a prospect's notification are not. A refusal of one channel stops what goes by
that channel. What is only kept (an owner in a CRM, the history that a webhook is told) reaches
nobody, and goes on; the event says what was refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from schemas.assignment import AssignmentChanged, AssignmentStatus
from schemas.base import KindName
from schemas.lead import Consent
from schemas.touch import TouchDue, TouchMeans, TouchReason
from services.delivery.config import (
    EmailSink,
    HubSpotSink,
    SalesforceSink,
    Sink,
    SlackSink,
    WebhookSink,
)

UNSUBSCRIBED: Final = "unsubscribed"
NO_CONSENT: Final = "no_consent"
ASKED_FOR: Final = frozenset(
    {
        KindName.DEMO_REQUEST,
        KindName.CONTACT_SALES,
        KindName.PRICING_REQUEST,
        KindName.FREE_TRIAL,
        KindName.CHAT,
    }
)
"""Whoever sends one of these waits for an answer."""
_ANY: Final = "any"
_REFUSALS: Final = frozenset({"refused", "withdrawn", "none"})
_SAME: Final = {"call": "phone", "telephone": "phone", "sms": "phone", "mail": "email"}
_CHANNEL: Final = {
    TouchMeans.CALL: "phone",
    TouchMeans.EMAIL: "email",
    TouchMeans.LINKEDIN: "linkedin",
}
_MARKETING: Final = "email"
"""By what a list or a sequence reaches people."""


def barred_channels(consents: Iterable[Consent]) -> frozenset[str]:
    """Channels by which the person refused to be contacted; ``any`` bars all of them."""
    return frozenset(_channel(one.channel) for one in consents if one.basis in _REFUSALS)


def barred(
    sink: Sink,
    event: AssignmentChanged,
    touch: TouchDue | None = None,
    unsubscribed_at: datetime | None = None,
) -> str | None:
    """Why the person may not be reached by this; None where they may.

    :param touch: what is due, where this is about a touch.
    :param unsubscribed_at: when the person last unsubscribed, if ever.
    """
    channel = _reaches_by(sink, event, touch)
    if channel is None or (touch is not None and touch.ended is not None):
        return None  # that a plan is over is told all the more: whoever goes on by it must stop
    answers = _answers(sink, event, touch)
    if not answers and _stands(unsubscribed_at, event.lead.consent):
        return UNSUBSCRIBED
    refused = barred_channels(event.lead.consent)
    by_it = channel != _ANY and channel in refused
    return NO_CONSENT if by_it or (_ANY in refused and not answers) else None


def _reaches_by(sink: Sink, event: AssignmentChanged, touch: TouchDue | None) -> str | None:
    """The channel by which somebody is reached in the end; None where nobody is."""
    if touch is not None and touch.ended is not None:
        return None
    if isinstance(sink, SlackSink | EmailSink):
        # The rep chooses how, and is told what was refused; a plan's touch has its means.
        planned = touch is not None and touch.reason is TouchReason.CADENCE
        return _CHANNEL.get(touch.means, _ANY) if planned and touch is not None else _ANY
    if isinstance(sink, WebhookSink | SalesforceSink):
        return None
    only_owned = isinstance(sink, HubSpotSink) and event.status is not AssignmentStatus.NURTURED
    return None if only_owned else _MARKETING


def _answers(sink: Sink, event: AssignmentChanged, touch: TouchDue | None) -> bool:
    """Whether this only brings what the person asked for: somebody who answers."""
    tells_a_rep = isinstance(sink, SlackSink | EmailSink)
    planned = touch is not None and touch.reason is TouchReason.CADENCE
    return tells_a_rep and not planned and event.kind in ASKED_FOR


def _stands(unsubscribed_at: datetime | None, consents: Iterable[Consent]) -> bool:
    """Whoever agreed again afterwards is not unsubscribed any more."""
    if unsubscribed_at is None:
        return False
    return not any(
        one.at is not None and one.at > unsubscribed_at and one.basis not in _REFUSALS
        for one in consents
    )


def _channel(named: str | None) -> str:
    text = (named or _ANY).strip().casefold()
    return _SAME.get(text, text) or _ANY
