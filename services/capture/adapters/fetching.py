"""Sources whose events carry ids only: the person has to be read from the vendor afterwards.

Reading is done by a worker, long after the sender had its 200. What to ask and what an answer means
is decided here, without I/O; the answer comes back with the submission as ``fetched``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

from services.capture.adapters.base import Adapter, Delivered, SourceView, has
from services.capture.leadform import LeadForm


@dataclass(frozen=True, slots=True)
class Access:
    """How a source's vendor is reached."""

    base_url: str
    """Without a slash at its end."""
    token: str = field(repr=False)
    properties: tuple[str, ...] = ()
    """What to ask for beyond what the adapter always asks."""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One GET. Credentials are in the headers, never in the address."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


@runtime_checkable
class Fetching(Adapter, Protocol):
    """An adapter whose ``to_lead`` is done in two steps; by itself it raises ``Unparsable``."""

    @property
    def base_url(self) -> str:
        """The vendor's, where the configuration names no other."""

    def fetch(self, item: Delivered, access: Access) -> FetchRequest:
        """What to ask the vendor about an item.

        :raises Unparsable: the bytes are not what the source sends.
        :raises Ignored: an event of another type: nothing is asked.
        """

    def status(self, status: int, body: bytes) -> int:
        """What an answer's status stands for, where the vendor has its own ways: 200 it is there,
        401 the token is refused, 404 there is none, 429 too many, 5xx it failed."""

    def fetched(self, item: Delivered, answer: bytes, source: SourceView) -> LeadForm:
        """What the item says, with the vendor's answer.

        :raises Unparsable: the answer is not what the vendor gives.
        """


def fetching(adapter: Adapter) -> Fetching | None:
    """The adapter, where it is done in two steps."""
    return cast(Fetching, adapter) if has(adapter, Fetching) else None


def bearer(access: Access, **more: str) -> dict[str, str]:
    """Headers of a request for JSON; ``_`` in a name stands for ``-``."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"authorization": f"Bearer {access.token}", "accept": "application/json", **named}
