"""What the block ``screening:`` of ``sources.yaml`` may say, and what holds for one source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.kernel.identity import registrable_domain


class Sign(StrEnum):
    """What speaks against a submission, and never decides alone over somebody who waits."""

    HONEYPOT = "honeypot"
    """A field that people do not see was filled in. Some browsers do that for their owners."""
    LINK_SPAM = "link_spam"
    """A link where a name belongs, markup, or many links in the message."""
    DISPOSABLE_EMAIL = "disposable_email"
    MISSING_MX = "missing_mx"
    """No mail can reach the domain of the address."""
    BURST = "burst"
    """Many submissions from one network within a minute."""
    TOO_FAST = "too_fast"
    """Sent sooner after the form was opened than anybody types."""
    IMPOSSIBLE_PHONE = "impossible_phone"


WEIGHTS: Final[Mapping[Sign, int]] = {
    Sign.HONEYPOT: 100,
    Sign.LINK_SPAM: 70,
    Sign.DISPOSABLE_EMAIL: 60,
    Sign.MISSING_MX: 60,
    Sign.BURST: 50,
    Sign.TOO_FAST: 50,
    Sign.IMPOSSIBLE_PHONE: 30,
}
"""Points of each sign where the configuration says nothing else."""

HONEYPOTS: Final = ("_gotcha", "_honeypot", "honeypot", "hp_field", "bot-field")
"""As Formspree, Netlify and common plug-ins call theirs."""


T = TypeVar("T")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def registrable(text: str) -> str:
    """The domain, if it is one that somebody can register.

    :raises ValueError: a sub-domain, a bare suffix, or no domain.
    """
    domain = registrable_domain(text)
    if domain is None or domain != text.lower():
        raise ValueError("must be a registrable domain, for example acme.com")
    return domain


Domain = Annotated[str, AfterValidator(registrable)]
Points = Annotated[int, Field(ge=0, le=1_000)]
Threshold = Annotated[int, Field(ge=1, le=10_000)]
Network = Annotated[str, StringConstraints(pattern=r"^(request|fields\..{1,100})$")]
Resolver = Annotated[str, StringConstraints(pattern=r"^(system|[0-9A-Fa-f.:\[\]]+:[0-9]{1,5})$")]


class SourceScreening(_Entry):
    """What one source has otherwise than the others. Lists replace, weights complete."""

    observe_only: bool | None = None
    threshold: Threshold | None = None
    competitor_domains: tuple[Domain, ...] | None = None
    honeypot_fields: tuple[str, ...] | None = None
    weights: dict[Sign, Points] = {}
    network: Network | None = None
    """Where the person's network is known from: ``request`` where browsers post to us themselves,
    ``fields.NAME`` where the form tool hands on the address. Else bursts are not looked for: all
    that a form tool delivers comes from the tool's own network."""


class Screening(_Entry):
    """What holds for all sources."""

    observe_only: bool = False
    """Everything is counted, nothing but tests is set aside."""
    threshold: Threshold = 100
    """Points at which a submission is quarantined."""
    competitor_domains: tuple[Domain, ...] = ()
    honeypot_fields: tuple[str, ...] = HONEYPOTS
    weights: dict[Sign, Points] = {}
    burst: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Submissions of one network within a minute; the next one is a sign."""
    resolver: Resolver | None = None
    """Who is asked for MX records: ``system``, or an address as ``127.0.0.1:5353``. Nobody, if not
    given: the names of your leads' companies leave the house with each question."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one source is screened by."""

    observe_only: bool = False
    threshold: int = 100
    competitor_domains: frozenset[str] = frozenset()
    honeypot_fields: frozenset[str] = frozenset(HONEYPOTS)
    weights: Mapping[Sign, int] = field(default_factory=lambda: WEIGHTS)
    burst: int = 10
    network: str | None = None
    ask_mx: bool = False


def rules_for(common: Screening, own: SourceScreening) -> Rules:
    """The rules of one source."""
    competitors = _first(own.competitor_domains, common.competitor_domains)
    honeypots = _first(own.honeypot_fields, common.honeypot_fields)
    return Rules(
        observe_only=_first(own.observe_only, common.observe_only),
        threshold=_first(own.threshold, common.threshold),
        competitor_domains=frozenset(competitors),
        honeypot_fields=frozenset(name.lower() for name in honeypots),
        weights={**WEIGHTS, **common.weights, **own.weights},
        burst=common.burst,
        network=own.network,
        ask_mx=common.resolver is not None,
    )


def _first(own: T | None, common: T) -> T:
    return common if own is None else own
