"""What is read from a CRM, page by page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Stream(StrEnum):
    """What is read, in this order: whom it can make an owner, companies, owners of leads."""

    OWNERS = "owners"
    ACCOUNTS = "accounts"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody whom the CRM can make an owner."""

    owner_id: str
    name: str
    email: str | None
    active: bool
    user_id: str | None = None
    """Of the same person, where users and owners have ids of their own."""


@dataclass(frozen=True, slots=True)
class Account:
    """A company; None for what the CRM does not say."""

    account_id: str
    changed_at: datetime
    deleted: bool = False
    name: str | None = None
    domains: tuple[str, ...] | None = None
    country: str | None = None
    postal_code: str | None = None
    owner_id: str | None = None
    """Empty for nobody."""
    customer: bool | None = None
    open_opportunity: bool | None = None
    contacts: int | None = None
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """The record of a lead as it is now."""

    record: str
    owner_id: str | None
    changed_at: datetime
    by: str | None = None
    """User id of who changed it, where the CRM says so."""


Item = Owner | Account | Changed


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a stream."""

    items: tuple[Item, ...]
    next: str | None
    """Where the reading goes on; None at the end."""


class Halted(Exception):
    """The reading cannot go on now; it goes on where it stopped."""

    def __init__(
        self, reason: str, after_s: float | None = None, *, for_good: bool = False
    ) -> None:
        """:param after_s: what the CRM asked for.
        :param for_good: nothing but a person can mend it (a key, a right)."""
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s
        self.for_good = for_good
