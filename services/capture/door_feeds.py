"""``/hooks/{source}`` of a feed: what happened becomes events at once, as durable as leads are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.submission import SubmissionReceived
from services.capture import eventform, events, handed
from services.capture.adapters.base import (
    Delivered,
    HookRequest,
    Ignored,
    Item,
    Unparsable,
    body_digest,
)
from services.capture.adapters.feeds import Feed
from services.capture.config import Source
from services.capture.eventdoors import handed as handed_event
from services.capture.eventform import Drafted, NotUsable, SignalForm
from services.capture.handed import Handed


@dataclass(slots=True)
class Sorted:
    """The items of one request, each as what it is."""

    inputs: list[Handed] = field(default_factory=list)
    happened: int = 0
    ignored: int = 0
    submissions: int = 0

    def counts(self) -> dict[str, int]:
        """By outcome."""
        return {"taken": self.happened, "ignored": self.ignored, "kept": self.submissions}


def sort(
    feed: Feed,
    hook: HookRequest,
    source: Source,
    headers: dict[str, str],
    now: datetime,
    trace: str | None,
) -> Sorted:
    """What a proven request of a feed holds.

    What cannot be read becomes a submission, which the stage quarantines with its bytes.
    """
    found = Sorted()
    for item in feed.split(hook):
        try:
            drafts = _drafts(feed, item, source, headers, now)
        except Ignored:
            found.ignored += 1
            continue
        except (Unparsable, NotUsable):
            drafts = []
        scope, digest = f"feed:{source.name}", body_digest(item.body)
        found.inputs += [
            handed_event(draft, scope, item.delivery_key, at, digest, None, now, trace)
            for at, draft in enumerate(drafts)
        ]
        found.happened += len(drafts)
        if not drafts:
            found.inputs.append(handed.submission(_submission(item, source, headers, now), trace))
            found.submissions += 1
    return found


def _drafts(
    feed: Feed, item: Item, source: Source, headers: dict[str, str], now: datetime
) -> Sequence[Drafted]:
    told = feed.told(Delivered(item.body, headers), item.delivery_key, source.view)
    return [
        eventform.signal(form, source.name, now)
        if isinstance(form, SignalForm)
        else eventform.activity(form, source.name, now)
        for form in told
    ]


def _submission(
    item: Item, source: Source, headers: dict[str, str], now: datetime
) -> SubmissionReceived:
    config = source.config
    return events.received(
        source.name, item, headers=headers, lane=config.lane, motion=config.motion, at=now
    )
