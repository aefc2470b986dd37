"""What every provider looks like: questions, answers, and an endpoint as data and pure functions.

A vendor's adapter says how a question is written and how an answer is read. Everything that may
go wrong on the way (time, size, rate, breaker, attempts) is the same for all of them and lives in
``http_client``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

from schemas.base import Provenance

Subject = Mapping[str, str]
"""What is known of a lead that a provider may be told, by the names of ``SUBJECT``."""

SUBJECT = frozenset(
    {
        "domain", "email", "any_email", "company", "country", "first_name", "last_name", "ip",
    }
)  # fmt: skip
"""``domain`` and ``email`` are those of a business address; ``any_email`` may be free mail, never
disposable; ``ip`` is public and only there where a form sent it."""


_PERSONAL = frozenset({"email", "any_email", "first_name", "last_name", "ip"})


class Outcome(StrEnum):
    """How a question to a provider ended."""

    MATCHED = "matched"
    NO_MATCH = "no_match"
    """The provider knows nothing: an answer, kept for a while, no fault."""
    LATER = "later"
    """Asked; the vendor brings the answer later, to the address that the question named."""
    SKIPPED = "skipped"
    """Not asked: something that the question needs is unknown."""
    RATE_LIMITED = "rate_limited"
    """Too fast, by the vendor's count or our own; soon it may be asked again."""
    QUOTA = "quota"
    """What was bought of the vendor is used up."""
    ERROR = "error"
    BUDGET_STOP = "budget_stop"
    """Not asked: the day's money is spent."""
    BREAKER_OPEN = "breaker_open"
    """Not asked: the provider failed so often that it is left alone for a while."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to one endpoint of one provider. Equal questions are asked once."""

    provider: str
    endpoint: str
    about: Subject
    """The parts of the subject that the question is about, and no others."""
    wanted: frozenset[str] = frozenset()
    """Fields that the configuration wants of this endpoint."""
    max_age: timedelta = timedelta(days=3650)
    """A kept match older than this does not answer it."""
    callback: str | None = None
    """Where an answer that comes later is to be brought."""

    @property
    def key(self) -> str:
        """The question as a hash: what was asked about a person is not kept in the clear."""
        text = json.dumps([self.endpoint, sorted(self.about.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def is_personal(self) -> bool:
        """Whether it is about the person, and not only about the company."""
        return not _PERSONAL.isdisjoint(self.about)

    @property
    def place(self) -> str:
        """``provider/endpoint``."""
        return f"{self.provider}/{self.endpoint}"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a question ended, and what it brought."""

    outcome: Outcome
    values: Mapping[str, Provenance] = field(default_factory=dict)
    detail: str = ""
    """Why, for the operator; never a value, an address or a secret."""
    retry_after: float | None = None
    """Seconds, where the vendor said so."""
    reference: str | None = None
    """What the vendor calls whom it will tell about later."""

    @property
    def keepable(self) -> bool:
        """Whether asking again soon would give the same: a match or a clean miss, no fault."""
        return self.outcome in (Outcome.MATCHED, Outcome.NO_MATCH)


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire, without what authenticates it."""

    path: str
    """Relative to the vendor's address, or whole; percent-encoded."""
    query: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: Any = None
    """JSON."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says, before it is distrusted."""

    values: Mapping[str, Any]
    confidence: float | None = None
    """Instead of the provider's."""
    domain: str | None = None
    """What the answer is about, where it says so; another domain than asked is no match."""
    later: bool = False
    """It is a promise: the values come later."""
    reference: str | None = None
    """What the vendor calls whom it is about."""


Ask = Callable[[Subject, frozenset[str]], Request]
Read = Callable[[Any, Subject], Reading | None]
"""None: a clean miss."""


@dataclass(frozen=True, slots=True)
class Later:
    """How a vendor brings its answer after a while."""

    address: str
    """Where it reaches this service from outside, without a slash at the end."""
    parameter: str
    """Of the question, that names the address."""
    read: Callable[[Any, str | None], Reading | None]
    """What is brought, and whom it was promised about."""
    patience: timedelta
    """Until nothing is waited for any more."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of question that a vendor answers."""

    name: str
    fields: frozenset[str]
    """What an answer may hold."""
    needs: frozenset[str]
    """Parts of the subject without which it cannot be asked."""
    ask: Ask
    read: Read
    takes: frozenset[str] = frozenset()
    """Parts that sharpen the question where they are known."""
    prices: Mapping[Outcome, float] = field(default_factory=dict)
    """What an outcome costs, in the currency of the configuration; nothing where not listed."""
    late: Later | None = None
    """Where a match is only a promise."""

    @property
    def dearest(self) -> float:
        """What one question may cost."""
        return max(self.prices.values(), default=0.0)

    def about(self, subject: Subject) -> dict[str, str] | None:
        """What the question says; None where it cannot be asked."""
        if not self.needs <= subject.keys():
            return None
        return {part: subject[part] for part in sorted((self.needs | self.takes) & subject.keys())}


COMMON_STATUSES: Mapping[int, Outcome] = {
    200: Outcome.MATCHED,
    204: Outcome.NO_MATCH,
    404: Outcome.NO_MATCH,
    402: Outcome.QUOTA,
    429: Outcome.RATE_LIMITED,
}
"""What a status means where the vendor keeps to custom; all others are errors."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One vendor: where it is, how it knows us, what it answers."""

    address: str
    endpoints: Mapping[str, Endpoint]
    headers: Mapping[str, str] = field(default_factory=dict)
    """``{secret}`` stands for the key."""
    query: Mapping[str, str] = field(default_factory=dict)
    """As ``headers``, for vendors that take the key in the address."""
    statuses: Mapping[int, Outcome] = field(default_factory=dict)
    """Where the vendor differs from custom."""
    calls_per_second: float = 10.0

    def outcome(self, status: int) -> Outcome:
        """What a status means; an error where nobody knows."""
        return self.statuses.get(status) or COMMON_STATUSES.get(status, Outcome.ERROR)


class Provider(Protocol):
    """Somebody who may know a field."""

    @property
    def name(self) -> str: ...

    async def ask(self, question: Question, *, urgency: int = 1) -> Answer:
        """Answer within the provider's own time-out; a fault is an outcome, never an exception.

        :param urgency: who waits for the same rate goes first where this is lower.
        """
        ...


def endpoints(*known: Endpoint) -> dict[str, Endpoint]:
    """By name."""
    return {one.name: one for one in known}


def field_set(names: str) -> frozenset[str]:
    """Names between blanks."""
    return frozenset(names.split())
