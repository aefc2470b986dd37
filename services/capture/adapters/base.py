"""The contract of a source: how its requests are proven, taken apart and read.

An adapter is pure. It gets bytes and a time and gives values; the HTTP handler and the consumer do
everything around it. Each has its page in ``docs/sources`` and passes ``tests/contract/capture``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Protocol

from schemas.base import KindName
from schemas.submission import KeyKind
from services.capture.leadform import LeadForm
from services.capture.wire import Unparsable, parse_object

MAX_KEY = 200
"""Characters of a delivery key; a longer or unprintable id is replaced by its hash."""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One request as the sender made it."""

    method: str
    url: str
    """What the sender called: some vendors sign it. From the public address, never ``Host``."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Verdict(StrEnum):
    """What the proof of origin is worth. The sender hears the same answer to all but the first."""

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    MISMATCH = "mismatch"
    STALE = "stale"
    """Correctly formed, but outside the replay window."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The answer to a vendor's check that the address is ours."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Item:
    """One delivered thing: what becomes one submission."""

    body: bytes
    delivery_key: str
    key_kind: KeyKind
    hashed: str | None = None
    """:attr:`digest`, where it was needed already."""

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the body."""
        return self.hashed or body_digest(self.body)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One item as it comes back from the bus."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those of the request that the adapter keeps, names in lower case."""


class Evidence(StrEnum):
    """How far an adapter has been held against its vendor's real traffic."""

    OWN = "own format"
    VECTOR = "the vendor's published vector"
    DOCUMENTED = "the vendor's documents"
    SECONDARY = "third parties' accounts"
    MEMORY = "unverified"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The status codes that make this sender do the right thing."""

    refused: int = 401
    """A bad signature. 429 for a sender that never retries another 4xx."""
    busy: int = 503
    """Neither store answers. 429 for a sender that takes 503 as final."""
    retry_after_per_s: int = 1
    """How many of the sender's units of ``Retry-After`` make a second."""


class Ignored(Exception):
    """A verified event that is about nobody's hand-raise; the message names its type."""

    @classmethod
    def because(cls, name: str, value: object) -> Ignored:
        """The member that says so, with the beginning of what it says."""
        return cls(f"{name} is {str(value)[:50]!r}")


class CannotSign(Exception):
    """What is configured only proves requests; the message says what signing would take."""


@dataclass(frozen=True, slots=True)
class SourceView:
    """What ``to_lead`` needs of a source's configuration."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """The tool's stable reference -> where it belongs (see ``leadform.is_target``)."""
    kind: KindName = KindName.OTHER
    form_id: str | None = None
    events: frozenset[str] = frozenset()
    """The events that are leads, for senders that tell of others too."""
    activities: Mapping[str, str] = field(default_factory=dict)
    """Of a feed: what the tool calls it -> the activity; beside what its adapter knows."""
    reps: Mapping[str, str] = field(default_factory=dict)
    """Of a feed: what the tool calls a rep, in lower case -> our id."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Of a feed: a field -> where the body says it; before what its adapter knows."""
    contact_basis: str | None = None
    """Why people whom nobody asked may be contacted; without it they are companies' visits."""


class Unchallenged:
    """For vendors that never ask whether an address is ours."""

    __slots__ = ()

    def handshake(self, request: HookRequest, secrets: Sequence[bytes]) -> Handshake | None:
        """No request is a challenge."""
        return None


class Adapter(Protocol):
    """One format of one kind of sender."""

    @property
    def name(self) -> str:
        """As ``sources.yaml`` calls it."""

    @property
    def kept_headers(self) -> frozenset[str]:
        """Request headers to keep with the bytes (lower case). Never one that is a credential."""

    @property
    def acknowledgement(self) -> Acknowledgement: ...

    @property
    def evidence(self) -> Evidence:
        """The weakest link between this adapter's format and proof and what the vendor sends."""

    def handshake(self, request: HookRequest, secrets: Sequence[bytes]) -> Handshake | None:
        """The answer to a vendor's challenge; None where this is no (valid) challenge."""

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        """Whether one of the live secrets proves the raw bytes; takes as long for each of them.

        :param now: Unix time in seconds, for schemes with a replay window.
        """

    def split(self, request: HookRequest) -> Sequence[Item]:
        """The items of a verified request, each with its delivery key. Never raises: a body that
        cannot be read is one item under its hash, and the consumer quarantines it."""

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        """What one item says.

        :raises Unparsable: the bytes are not what the source sends.
        :raises Ignored: an event of another type.
        """

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        """The request as the real sender would make it at Unix time ``at``, proof included.

        Where the proof lives (a header, the address, the body) is the vendor's choice.

        :raises CannotSign: the secret is only half of a pair of keys.
        """


def has(adapter: Adapter, protocol: type) -> bool:
    """Whether an adapter has what a wider protocol asks for.

    Asked of every submission, and of a protocol Python finds it out member by member: so it is
    found out once for each class.
    """
    known = _HAS.get((type(adapter), protocol))
    if known is None:
        known = _HAS[type(adapter), protocol] = isinstance(adapter, protocol)
    return known


_HAS: Final[dict[tuple[type, type], bool]] = {}


def with_headers(request: HookRequest, **headers: str) -> HookRequest:
    """The request with more headers; ``_`` in a name stands for ``-``."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers={**request.headers, **more})


def body_digest(body: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(body).hexdigest()


def whole(body: bytes, vendor_id: object = None, kind: KeyKind = KeyKind.VENDOR_ID) -> Item:
    """The whole body as one item: under the vendor's id where there is one, else under its hash."""
    key = usable_key(vendor_id)
    if key is None:
        digest = body_digest(body)
        return Item(body, f"sha256:{digest}", KeyKind.BODY_HASH, digest)
    return Item(body, key, kind)


def one_item(body: bytes, id_of: Callable[[dict[str, Any]], object]) -> Sequence[Item]:
    """The whole body as one item, under the id that ``id_of`` finds in it; under its hash where
    there is none, or where the body cannot be read."""
    try:
        event = parse_object(body)
    except Unparsable:
        return [whole(body)]
    return [whole(body, id_of(event))]


def each_once(items: Iterable[Item], body: bytes) -> Sequence[Item]:
    """An id twice in one batch is one item, as it is over two requests; a batch without any is
    one item itself, so that it has an end."""
    return list({item.delivery_key: item for item in items}.values()) or [whole(body)]


def usable_key(vendor_id: object) -> str | None:
    """A vendor's id as a delivery key; None where there is none."""
    if isinstance(vendor_id, bool) or not isinstance(vendor_id, str | int):
        return None
    key = str(vendor_id).strip()
    # WPForms says 0 for every entry that it does not store: one lead would be the first of all, and
    # each after it another body under a key in use.
    if key in ("", "0"):
        return None
    if len(key) > MAX_KEY or not key.isprintable() or key.startswith("sha256:"):
        return "id:" + hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return key


__all__ = [
    "Acknowledgement",
    "Adapter",
    "CannotSign",
    "Delivered",
    "Evidence",
    "Handshake",
    "HookRequest",
    "Ignored",
    "Item",
    "SourceView",
    "Unchallenged",
    "Unparsable",
    "Verdict",
    "body_digest",
    "each_once",
    "has",
    "one_item",
    "usable_key",
    "whole",
    "with_headers",
]
