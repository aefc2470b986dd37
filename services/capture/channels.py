"""Where a lead came from: the first rule of ``channels.yaml`` that fits what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.base import ChannelName, KindName, Motion
from services.kernel.identity import registrable_domain


def _list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def folded(text: str | None) -> str:
    """One spelling of a campaign parameter: ``Paid-Social`` and ``paid_social`` are the same."""
    return "".join(letter for letter in (text or "").casefold() if letter.isalnum())


def _folded_list(value: object) -> object:
    found = _list(value)
    return [folded(one) if isinstance(one, str) else one for one in found] if isinstance(
        found, list
    ) else found  # fmt: skip


_OneOrMore = str | list[str]
"""What the file may hold, for editors."""

Words = Annotated[
    tuple[str, ...],
    BeforeValidator(_list, json_schema_input_type=_OneOrMore),
    Field(max_length=200),
]
Folded = Annotated[
    tuple[str, ...],
    BeforeValidator(_folded_list, json_schema_input_type=_OneOrMore),
    Field(max_length=200),
]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelWhen(_Entry):
    """Conditions that must all hold; within one, any of its values."""

    source: Words | None = None
    kind: (
        Annotated[
            tuple[KindName, ...],
            BeforeValidator(_list, json_schema_input_type=KindName | list[KindName]),
        ]
        | None
    ) = None
    motion: Motion | None = None
    click_id: Words | None = None
    """Names of click parameters, whatever their value."""
    utm_source: Folded | None = None
    utm_medium: Folded | None = None
    utm_campaign: Folded | None = None
    referrer: Words | None = None
    """``linkedin.com`` (and below it), ``google.*`` (any registered google), or ``any``."""
    nothing: bool | None = None
    """True: neither campaign, nor click id, nor foreign referrer, though the page is known."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("at least one condition is needed; `fallback` is for everything else")
        return self


class ChannelRule(_Entry):
    """One row of the table."""

    channel: ChannelName
    when: ChannelWhen


class ChannelTable(_Entry):
    """``channels.yaml``. First match wins."""

    channels: Annotated[tuple[ChannelRule, ...], Field(max_length=500)]
    fallback: ChannelName = ChannelName.UNKNOWN


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of how somebody came here."""

    source: str
    kind: KindName
    motion: Motion
    utm_source: str
    utm_medium: str
    utm_campaign: str
    click_ids: frozenset[str]
    referrer: str | None
    """Host of a referrer that is not ours."""
    page_known: bool

    @property
    def nothing(self) -> bool:
        marked = self.utm_source or self.utm_medium or self.utm_campaign or self.click_ids
        return self.page_known and not marked and self.referrer is None


def channel_of(evidence: Evidence, table: ChannelTable) -> ChannelName:
    """The channel that the table gives."""
    for rule in table.channels:
        if _fits(rule.when, evidence):
            return rule.channel
    return table.fallback


def foreign_host(referrer: str | None, page_url: str | None, own: Sequence[str]) -> str | None:
    """Host of the referrer, unless it is a page of the same company or no URL at all."""
    host = host_of(referrer)
    if host is None:
        return None
    domain = registrable_domain(host)
    page = registrable_domain(host_of(page_url))
    return None if domain is not None and (domain == page or domain in own) else host


def host_of(url: str | None) -> str | None:
    """Lower-case host of a URL; a bare ``www.example.com/x`` counts as one."""
    if not url:
        return None
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname
    except ValueError:
        return None
    return host or None


def _fits(when: ChannelWhen, known: Evidence) -> bool:
    return (
        (when.source is None or known.source in when.source)
        and (when.kind is None or known.kind in when.kind)
        and (when.motion is None or known.motion is when.motion)
        and (when.click_id is None or not known.click_ids.isdisjoint(when.click_id))
        and _campaign_fits(when, known)
        and (when.referrer is None or _referrer_fits(when.referrer, known.referrer))
        and (when.nothing is None or known.nothing is when.nothing)
    )


def _campaign_fits(when: ChannelWhen, known: Evidence) -> bool:
    return (
        (when.utm_source is None or known.utm_source in when.utm_source)
        and (when.utm_medium is None or known.utm_medium in when.utm_medium)
        and (when.utm_campaign is None or known.utm_campaign in when.utm_campaign)
    )


def _referrer_fits(wanted: Sequence[str], host: str | None) -> bool:
    if host is None:
        return False
    domain = registrable_domain(host) or host
    for one in wanted:
        if one == "any" or host == one or host.endswith(f".{one}"):
            return True
        if one.endswith(".*") and domain.partition(".")[0] == one[:-2]:
            return True
    return False
