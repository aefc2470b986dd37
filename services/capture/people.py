"""Which person a submission belongs to, given what was seen before.

A token is what one identifier (mailbox, phone, a source's own id) hashes to by itself; it is also
the lead id of a person first seen under that identifier. A phone is linked to an e-mail only when
one submission holds both; as soon as two mailboxes gave the same phone it is shared and links
nobody, and whoever leaves nothing else is a person of their own. A mailbox that is new takes the
lead id of an older phone; the id that a mailbox has once is never changed, since whoever works on
the lead would lose it to anybody who types a phone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.capture.normalize import Who
from services.kernel.identity import lead_id


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of one token."""

    token: UUID
    lead_id: UUID
    since: datetime
    """When the lead id was first given."""
    email_token: UUID | None = None
    """Of a phone: the one mailbox that it was seen with."""
    shared: bool = False
    """Of a phone: two mailboxes gave it."""
    fresh: bool = False
    """No submission held it before."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The identifiers of one submission; at least one is set."""

    email: UUID | None
    phone: UUID | None
    other: UUID | None
    alone: UUID | None
    """Stands for nobody but the sender of this one delivery. It is the lead of a shared phone; none
    where an e-mail tells who it is."""
    may_link: bool
    """Whether the phone may be linked to the e-mail; not for an address that many people read."""

    @property
    def deciding(self) -> tuple[UUID, ...]:
        """Those of which one is the lead where nothing is stored of any."""
        if self.email is not None:
            return (self.email,)
        return tuple(token for token in (self.phone, self.other, self.alone) if token)

    @property
    def all(self) -> tuple[UUID, ...]:
        return tuple(token for token in (self.email, self.phone, self.other) if token)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The lead, and what is to be stored."""

    lead_id: UUID
    changed: tuple[Known, ...] = ()


def tokens_of(who: Who, *, secret: bytes, source: str, delivery_key: str) -> Tokens:
    """The tokens of a person. Whoever left nothing personal is a person of their own."""
    email = lead_id(secret, who.email, None, source, None) if who.email else None
    phone = lead_id(secret, None, who.phone, source, None) if who.phone else None
    # A switchboard alone: a new lead for each, rather than one for all who called from there.
    alone = None if email else lead_id(secret, None, None, source, f"delivery {delivery_key}")
    other = None
    if email is None and phone is None:
        name = who.external_id
        other = lead_id(secret, None, None, source, name) if name else alone
    return Tokens(email, phone, other, alone, may_link=not who.is_role)


def resolve(tokens: Tokens, known: dict[UUID, Known]) -> Resolution:
    """The lead of a submission.

    :param known: the stored state of every token of ``tokens``, a token never seen before standing
        for itself.
    """
    email = known[tokens.email] if tokens.email else None
    phone = known[tokens.phone] if tokens.phone else None
    match email, phone:
        case None, None:
            assert tokens.other is not None
            return Resolution(known[tokens.other].lead_id)
        case None, Known():
            if not phone.shared:
                return Resolution(phone.lead_id)
            assert tokens.alone is not None
            return Resolution(tokens.alone)
        case Known(), None:
            return Resolution(email.lead_id)
        case Known(), Known():
            return _both(email, phone, may_link=tokens.may_link)
        case _:
            raise AssertionError("unreachable")


def _both(email: Known, phone: Known, *, may_link: bool) -> Resolution:
    if not may_link or phone.shared or phone.email_token == email.token:
        return Resolution(email.lead_id)
    if phone.email_token is not None:
        return Resolution(email.lead_id, (replace(phone, shared=True),))
    if email.fresh and not phone.fresh:
        changed = (
            replace(email, lead_id=phone.lead_id, since=phone.since),
            replace(phone, email_token=email.token),
        )
        return Resolution(phone.lead_id, changed)
    linked = replace(phone, lead_id=email.lead_id, since=email.since, email_token=email.token)
    return Resolution(email.lead_id, (linked,))
