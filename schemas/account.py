"""A company as a CRM knows it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from pydantic import Field

from schemas.base import Event, Instant


class AccountChanged(Event):
    """The present state of one account. Key: ``account_id``, compacted.

    What is null is not known to the sender: the account keeps what it has.
    """

    TYPE: ClassVar[str] = "com.handraise.account.changed.v1"

    account_id: Annotated[str, Field(min_length=1, max_length=200)]
    """As the CRM calls it."""
    source: str
    """Which CRM says so: the sink's name in ``delivery.yaml``."""
    changed_at: Instant
    """When it last changed there."""
    deleted: bool = False
    """There is no such account any more."""
    name: Annotated[str, Field(max_length=300)] | None = None
    domains: tuple[str, ...] | None = None
    """The one it is known by first, then its aliases; as written there."""
    country: str | None = None
    """As written there: a name or a code."""
    postal_code: str | None = None
    owner: str | None = None
    """E-mail address of the owner, else the CRM's id; empty for nobody."""
    customer: bool | None = None
    open_opportunity: bool | None = None
    contacts: Annotated[int, Field(ge=0)] | None = None
    since: date | None = None

    @property
    def subject(self) -> str:
        return self.account_id
