"""What one submission means, before anything that was seen earlier is looked at."""

from __future__ import annotations

from schemas.submission import Disposition, SubmissionReceived
from services.capture.adapters.base import Ignored, Unparsable
from services.capture.config import CaptureConfig
from services.capture.normalize import Draft, Origin, normalise
from services.capture.screening import SetAside, screen

BAD_SIGNATURE = "bad_signature"
CONFLICT = "conflict"
RETRIED = "delivery_retry"


def interpret(
    submission: SubmissionReceived, config: CaptureConfig, *, released: bool = False
) -> Draft | SetAside:
    """The lead that a submission holds, or why it holds none.

    :param released: a person looked at it and wants it through: nothing is screened.
    """
    source = config.sources.get(submission.source)
    if source is None:
        return SetAside(
            Disposition.QUARANTINED, "unknown_source", "sources.yaml does not know its source"
        )
    origin = Origin(
        source=source.name,
        kind=source.config.kind,
        motion=submission.motion,
        received_at=submission.received_at,
        own_domains=config.own_domains,
        channels=config.channels,
    )
    try:
        form = source.adapter.to_lead(submission.body, source.view)
        draft = normalise(form, origin)
    except Ignored as error:
        return SetAside(Disposition.REJECTED, "ignored_event", str(error))
    except Unparsable as error:
        return SetAside(Disposition.QUARANTINED, "unparsable", str(error))
    if released:
        return draft
    aside = screen(test=form.test, email=draft.who.email, own_domains=config.own_domains)
    return aside or draft


def conflict() -> SetAside:
    """Another body came under a delivery key that is in use."""
    return SetAside(
        Disposition.QUARANTINED, CONFLICT, "its delivery key was used before, with another body"
    )


def retried_under_another_id() -> SetAside:
    """A retry that could not be answered with the first delivery's id.

    A body hash carries its day, so a retry across midnight was promised an id of its own, which
    needs an end of its own.
    """
    return SetAside(
        Disposition.REJECTED, RETRIED, "the same body was delivered the day before, within 24 h"
    )
