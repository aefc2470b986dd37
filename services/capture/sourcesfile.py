"""What ``sources.yaml`` may say."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from schemas.base import KindName, Lane, Motion
from services.capture.adapters import ADAPTERS
from services.capture.adapters.presets import PRESETS
from services.capture.browser import BrowserConfig
from services.capture.feedconfig import FeedConfig
from services.capture.leadform import TARGETS, is_target
from services.capture.screening_config import (
    Domain,
    Screening,
    SourceScreening,
)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def checked_targets(mapping: dict[str, str]) -> dict[str, str]:
    """The mapping, if each of its values is a place for an answer.

    :raises ValueError: names the first that is none, and the places that there are.
    """
    for target in mapping.values():
        if not is_target(target):
            known = ", ".join(sorted(TARGETS))
            raise ValueError(
                f"{target!r} is no place for an answer; one of {known}, full_name,"
                " utm.NAME, click_ids.NAME or fields.NAME"
            )
    return mapping


def _adapter(name: str) -> str:
    if name not in ADAPTERS:
        close = get_close_matches(name, ADAPTERS, 1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no adapter {name!r}{meant} There are {', '.join(ADAPTERS)}")
    return name


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    here = parts.hostname in ("127.0.0.1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise ValueError("must be https://…: a token goes there")
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be https://host and maybe a path")
    return text.rstrip("/")


def _preset(name: str) -> str:
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return name


PresetName = Annotated[
    str,
    AfterValidator(_preset),
    WithJsonSchema({"type": "string", "enum": sorted(PRESETS)}),
]
AdapterName = Annotated[
    str,
    AfterValidator(_adapter),
    # for editors
    WithJsonSchema({"type": "string", "enum": sorted(ADAPTERS)}),
]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,62}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Limits(_Entry):
    """What one source may send."""

    body_bytes: Annotated[int, Field(ge=256, le=524_288)] = 65_536
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 1_000
    """On average; a burst of the same size is let through."""


class FetchConfig(_Entry):
    """How the person behind an id is read from the vendor."""

    token: SecretName
    """Its value is in ``HANDRAISE_SECRET_<NAME>``."""
    base_url: Annotated[str, AfterValidator(_base_url)] | None = None
    """The vendor's own where it is not given."""
    properties: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    """What to ask for beyond what the adapter always asks."""
    give_up_hours: Annotated[float, Field(gt=0, le=480)] = 24
    """After so long without an answer the submission becomes a dead letter."""


class SourceConfig(_Entry):
    """One sender: its format, its secret, and what its submissions mean."""

    adapter: AdapterName
    secret: SecretName | None = None
    """Its value is in ``HANDRAISE_SECRET_<NAME>``. Only ``api`` may do without."""
    kind: KindName = KindName.OTHER
    """What its people ask for, where the form itself does not say."""
    motion: Motion = Motion.INBOUND
    lane: Lane = Lane.LIVE
    form_id: str | None = None
    """Instead of the tool's own, where several forms count as one."""
    events: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    """Of a sender that tells of many things (Segment, CloudEvents): the names of those that are
    leads. A Segment source takes none but these; with CloudEvents, none means all."""
    mapping: Annotated[dict[str, str], AfterValidator(checked_targets)] = {}
    """The tool's stable reference of a question or hidden field -> a field of the lead."""
    preset: PresetName | None = None
    """With ``generic``: the tool whose ready mapping is the start; ``mapping`` wins over it."""
    delivery_id: Line | None = None
    """With ``generic``: where the body says what the sender calls this submission."""
    limits: Limits = Limits()
    screening: SourceScreening = SourceScreening()
    """What is otherwise than the file's own ``screening``."""
    fetch: FetchConfig | None = None
    """For senders whose events carry ids only."""
    topic: Literal["partner"] | None = None
    """Handed in over Kafka instead: the partner produces to ``submissions.partner.<name>.v1``."""
    feed: FeedConfig | None = None
    """For senders that tell what happened: calls, mails, meetings, visits."""
    contact_basis: Literal["consent", "legitimate_interest", "contract"] | None = None
    """With ``visitor_id``: why people whom it names may be contacted. Without it they are visits of
    their companies, and nothing of them is kept."""
    browser: BrowserConfig | None = None
    """With ``api``: pages that post here themselves, with a publishable key."""
    verify_token: SecretName | None = None
    """Secret that the vendor repeats when it checks the address, where that is another one."""


class SourcesFile(_Entry):
    """``sources.yaml``."""

    own_domains: tuple[Domain, ...] = ()
    """Our own: their people's submissions are tests, and links from there are no referrals."""
    screening: Screening = Screening()
    sources: dict[str, SourceConfig]
