"""What never reaches a rep: decided before identity and rotation, told to nobody outside."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from schemas.submission import Disposition
from services.kernel.identity import NormalisedEmail, registrable_domain


@dataclass(frozen=True, slots=True)
class SetAside:
    """A submission that does not become a lead."""

    disposition: Disposition
    reason: str
    """A stable code."""
    detail: str
    """One sentence for the operator; names fields, never values."""


def screen(
    *, test: bool, email: NormalisedEmail | None, own_domains: Collection[str]
) -> SetAside | None:
    """None: it is a lead. Our own people trying the form, and marked tests, end as ``rejected``."""
    if test:
        return SetAside(Disposition.REJECTED, "test", "the sender marked it as a test")
    if email is not None and registrable_domain(email.domain) in own_domains:
        return SetAside(Disposition.REJECTED, "test", "email is of one of our own domains")
    return None
