"""What one submission means, before anything that was seen earlier is looked at."""

from __future__ import annotations

from dataclasses import replace

from schemas.submission import Disposition, SubmissionReceived
from services.capture.adapters.base import Delivered, Ignored, Unparsable
from services.capture.adapters.fetching import Access, fetching
from services.capture.config import CaptureConfig, Source
from services.capture.leadform import LeadForm
from services.capture.normalize import Draft, Origin, normalise
from services.capture.screening import SetAside, screen
from services.capture.seen import World
from services.capture.signs import signs_of

BAD_SIGNATURE = "bad_signature"
CONFLICT = "conflict"
RETRIED = "delivery_retry"


class ToFetch:
    """The submission only names ids: its person has to be read from the vendor."""


Meaning = Draft | SetAside | ToFetch


def interpret(
    submission: SubmissionReceived,
    config: CaptureConfig,
    *,
    released: bool = False,
    world: World | None = None,
) -> Meaning:
    """The lead that a submission holds, or why it holds none.

    :param released: a person looked at it and wants it through: nothing is screened.
    :param world: what is remembered of domains and networks; without it they tell nothing.
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
        form = _form(submission, source)
        if form is None:
            return ToFetch()
        draft = normalise(form, origin)
    except Ignored as error:
        return SetAside(Disposition.REJECTED, "ignored_event", str(error))
    except Unparsable as error:
        return SetAside(Disposition.QUARANTINED, "unparsable", str(error))
    if released:
        return draft
    return _screened(submission, form, draft, source, config, world)


def _screened(
    submission: SubmissionReceived,
    form: LeadForm,
    draft: Draft,
    source: Source,
    config: CaptureConfig,
    world: World | None,
) -> Draft | SetAside:
    rules, at = source.rules, submission.received_at
    verdict = screen(
        test=form.test,
        email=draft.who.email,
        kind=draft.kind,
        own_domains=config.own_domains,
        rules=rules,
        signs=signs_of(
            form,
            draft,
            rules,
            at,
            no_mail=world is not None and world.no_mail(draft, rules, at),
            burst=world is not None and world.burst(submission, form, rules),
        ),
    )
    if verdict.aside:
        return verdict.aside
    return replace(draft, marks=verdict.marks) if verdict.marks else draft


def _form(submission: SubmissionReceived, source: Source) -> LeadForm | None:
    """None: the vendor has to be asked first."""
    item = Delivered(submission.body, submission.headers)
    adapter = fetching(source.adapter)
    if adapter is None:
        return source.adapter.to_lead(item, source.view)
    if submission.fetched is not None:
        return adapter.fetched(item, submission.fetched, source.view)
    # Told apart now: what is no lead at all must not wait for an answer.
    adapter.fetch(item, Access(adapter.base_url, ""))
    return None


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
