"""Sources that tell what happened, and not who raised a hand: calls, mails, meetings, visits.

What an item says becomes activities or signals at the door itself, with the promise that leads
have; what cannot be read, or is about nobody that can be told, is a submission and ends in
quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MINYEAR, UTC, datetime
from typing import Any, Final, Protocol, TypeVar, cast, runtime_checkable

from pydantic import ValidationError

from schemas.activity import ActivityName, Actor
from services.capture import formbody
from services.capture.adapters.base import (
    Acknowledgement,
    Adapter,
    Delivered,
    Evidence,
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unchallenged,
    Unparsable,
    Verdict,
    has,
    usable_key,
    whole,
    with_headers,
)
from services.capture.eventform import ActivityForm, SignalForm
from services.capture.leadform import LeadForm
from services.capture.wire import moment_of_ms

HEADER: Final = "header:"
"""Before a path: not in the body, but in a header that is kept."""
_ABOUT: Final = ("email", "phone", "domain", "visitor_id", "lead_id", "assignment_id")
_SECONDS_HAVE: Final = 11
_MOST_DIGITS: Final = 20
"""Python refuses to read a number of some thousand digits."""

F = TypeVar("F", ActivityForm, SignalForm)
Values = Mapping[str, Any]
Told = Sequence[ActivityForm | SignalForm]


@runtime_checkable
class Feed(Adapter, Protocol):
    """An adapter whose items are not leads, or not all of them."""

    def told(self, item: Delivered, key: str, source: SourceView) -> Told:
        """What one item says; nothing where it is a submission like any other.

        :param key: the item's delivery key, for what has no id of its own.
        :raises Unparsable: the bytes are not what the source sends, or are about nobody.
        :raises Ignored: an event of another type.
        """


def feed(adapter: Adapter) -> Feed | None:
    """The adapter, where it tells what happened."""
    return cast(Feed, adapter) if has(adapter, Feed) else None


class Proof(Protocol):
    """How a feed's requests are proven; several feeds share one."""

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict: ...

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a tool's events say what."""

    words: tuple[tuple[str, ...], ...]
    """Paths whose values, in lower case and joined by a colon, name what happened; the first that
    are all there and known count."""
    activities: Mapping[str, ActivityName]
    """Such a name -> the activity."""
    fields: Mapping[str, tuple[str, ...]]
    """A field of the activity, or ``rep`` or ``id``, -> paths; the first with a value counts."""
    automated: tuple[tuple[str, str], ...] = ()
    """(path, value): a machine did it, not a person."""


@dataclass(frozen=True, slots=True)
class ActivityFeed(Unchallenged):
    """One event per request, or a list of them."""

    name: str
    shape: Shape
    proof: Proof
    evidence: Evidence
    own_headers: frozenset[str] = frozenset()
    acknowledgement: Acknowledgement = field(default_factory=Acknowledgement)

    @property
    def kept_headers(self) -> frozenset[str]:
        return self.own_headers | {"content-type"}

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        return self.proof.verify(request, secrets, now)

    def split(self, request: HookRequest) -> Sequence[Item]:
        # Tools do not promise that an event's id is unique over its kinds: the bytes are.
        return [whole(request.body)]

    def told(self, item: Delivered, key: str, source: SourceView) -> Told:
        values = read(item)
        activity = _activity(self.shape, values, source)
        found = {
            target: value
            for target in {*self.shape.fields, *source.paths}
            if (value := first(values, _paths(self.shape, target, source))) not in (None, "")
        }
        if not any(found.get(name) for name in _ABOUT):
            raise Unparsable("neither an e-mail address nor a phone number says whom it is about")
        machine = any(
            str(values.get(path, "")).lower() == value for path, value in self.shape.automated
        )
        rep, own = found.pop("rep", None), usable_key(found.pop("id", None))
        found["occurred_at"] = moment(found.get("occurred_at"))
        return [
            form(
                ActivityForm,
                {
                    **found,
                    "activity": activity,
                    "actor": Actor.AUTOMATION if machine else Actor.HUMAN,
                    "rep_id": source.reps.get(str(rep).lower()),
                    # A call is attempted and later connected under one id.
                    "external_id": f"{own}:{activity}"[:200] if own else key,
                },
            )
        ]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        self.told(item, "", source)
        raise Unparsable("what it says about whom it is cannot be used")

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        typed = with_headers(request, content_type=formbody.content_type_of(request.body))
        return self.proof.sign(typed, secret, at)


def read(item: Delivered) -> dict[str, Any]:
    """An item's values by dotted path, its headers among them.

    :raises Unparsable: it is no form of any kind.
    """
    values = formbody.values_of(item.body, item.headers.get("content-type", ""))
    return {**values, **{HEADER + name: text for name, text in item.headers.items()}}


def first(values: Values, paths: Sequence[str]) -> Any:
    """The first value there is."""
    return next((v for path in paths if (v := values.get(path)) not in (None, "")), None)


def form(model: type[F], values: Mapping[str, Any]) -> F:
    """A form of what is known.

    :raises Unparsable: names the first field that cannot be.
    """
    try:
        return model.model_validate({n: v for n, v in values.items() if v is not None})
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"])) or "it"
        raise Unparsable(f"{place} cannot be read") from None


def moment(value: Any) -> datetime | None:
    """A time as tools write it: ISO 8601 (without an offset it is UTC), or Unix time. None for what
    is none; the year 1 is how Go and .NET write a time that was not set."""
    text = str(value or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return moment_of_ms(int(text) * (1_000 if len(text) < _SECONDS_HAVE else 1))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.year == MINYEAR:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _activity(shape: Shape, values: Values, source: SourceView) -> str:
    known = {**shape.activities, **source.activities}
    said = ""
    for paths in shape.words:
        parts = [str(values.get(path) or "").strip().lower() for path in paths]
        said = said or ":".join(filter(None, parts))
        if all(parts) and (activity := known.get(":".join(parts))) is not None:
            return str(activity)
    raise Ignored.because("the event", said)


def _paths(shape: Shape, target: str, source: SourceView) -> tuple[str, ...]:
    own = source.paths.get(target)
    return (own, *shape.fields.get(target, ())) if own else shape.fields.get(target, ())
