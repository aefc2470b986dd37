"""What never reaches a rep: decided before identity and rotation, told to nobody outside.

Our own people's trials are rejected. A competitor's domain decides alone, for somebody wrote it
into the configuration. Everything else only adds up, and over those who ask for a talk at least two
signs must agree.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.base import KindName
from schemas.submission import Disposition
from services.capture.screening_config import Rules, Sign
from services.kernel.identity import NormalisedEmail, registrable_domain

TEST: Final = "test"
COMPETITOR: Final = "competitor"
HOT: Final = frozenset({KindName.DEMO_REQUEST, KindName.CONTACT_SALES, KindName.PRICING_REQUEST})


class Action(StrEnum):
    """What followed from a sign."""

    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    OBSERVED = "observed"
    """It would have been quarantined, had the source not been set to observe only."""
    COUNTED = "counted"
    """It did not suffice."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A submission that does not become a lead."""

    disposition: Disposition
    reason: str
    """A stable code."""
    detail: str
    """One sentence for the operator; names fields, never values."""
    marks: tuple[tuple[str, str], ...] = ()
    """What screening found and what followed from it; for counting."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What screening says."""

    aside: SetAside | None = None
    """None: it is a lead."""
    marks: tuple[tuple[str, str], ...] = ()
    """What was found, and the action that followed."""


def screen(
    *,
    test: bool,
    email: NormalisedEmail | None,
    kind: KindName,
    own_domains: Collection[str],
    rules: Rules,
    signs: frozenset[Sign],
) -> Verdict:
    """Whether a submission becomes a lead."""
    domain = registrable_domain(email.domain) if email is not None else None
    if test:
        return _rejected("the sender marked it as a test")
    if domain in own_domains:
        return _rejected("email is of one of our own domains")
    if domain in rules.competitor_domains:
        detail = "email is of a domain that `competitor_domains` names"
        return _set_aside(rules, COMPETITOR, detail, (COMPETITOR, *_ordered(signs, rules)))
    total = sum(rules.weights[sign] for sign in signs)
    ordered = _ordered(signs, rules)
    enough = 2 if kind in HOT else 1
    if total < rules.threshold or len([s for s in signs if rules.weights[s]]) < enough:
        return Verdict(None, tuple((sign, Action.COUNTED.value) for sign in ordered))
    lines = " + ".join(f"{sign} {rules.weights[Sign(sign)]}" for sign in ordered)
    detail = f"{lines} = {total}; from {rules.threshold} on it is set aside"
    return _set_aside(rules, ordered[0], detail, ordered)


def _ordered(signs: Collection[Sign], rules: Rules) -> tuple[str, ...]:
    """The heaviest first."""
    return tuple(s.value for s in sorted(signs, key=lambda s: (-rules.weights[s], s.value)))


def _rejected(detail: str) -> Verdict:
    marks = ((TEST, Action.REJECTED.value),)
    return Verdict(SetAside(Disposition.REJECTED, TEST, detail, marks), marks)


def _set_aside(rules: Rules, reason: str, detail: str, marks: tuple[str, ...]) -> Verdict:
    action = Action.OBSERVED if rules.observe_only else Action.QUARANTINED
    found = tuple((mark, action.value) for mark in marks)
    if rules.observe_only:
        return Verdict(None, found)
    return Verdict(SetAside(Disposition.QUARANTINED, reason, detail, found), found)
