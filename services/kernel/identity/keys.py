"""The ids that everything else hangs on: lead id and account key."""

from __future__ import annotations

import hmac
from hashlib import sha256
from uuid import UUID

from services.kernel.identity.domains import EmailClass, email_class, registrable_domain
from services.kernel.identity.email import NormalisedEmail


def lead_id(
    secret: bytes,
    email: NormalisedEmail | None,
    phone: str | None,
    source: str,
    external_id: str | None,
) -> UUID:
    """The id of a person: the same for ever under one installation secret.

    A keyed hash (HMAC-SHA256, first 128 bits, as UUIDv8) of the mailbox, else of the phone, else
    of what the source calls the person. Keyed, so that nobody without the secret can test whether
    an address is in the data.

    :param phone: E.164, from :func:`~services.kernel.identity.personal_phone`.
    :raises ValueError: where none of the three is given, or the secret is empty.
    """
    if email is not None:
        return _keyed(secret, "email", email.identity)
    if phone:
        return _keyed(secret, "phone", phone)
    if external_id:
        return _keyed(secret, "external", source, external_id)
    raise ValueError("a lead needs an e-mail address, a phone number or an external id")


def account_key(email: NormalisedEmail | None, lead: UUID) -> str:
    """What is serial together: the company's registrable domain, else the lead alone."""
    if email is None or email_class(email.domain) is not EmailClass.BUSINESS:
        return str(lead)
    return registrable_domain(email.domain) or str(lead)


def secret_fingerprint(secret: bytes) -> str:
    """Sixteen hex digits that tell two installation secrets apart and reveal neither."""
    return _digest(secret, "fingerprint").hex()[:16]


def _digest(secret: bytes, kind: str, *parts: str) -> bytes:
    if not secret:
        raise ValueError("the installation secret is empty")
    # The kind and the lengths keep ("a", "bc") apart from ("ab", "c"), and mail from phone.
    encoded = [part.encode() for part in (kind, *parts)]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
    return hmac.digest(secret, b"handraise.lead.v1" + message, sha256)


def _keyed(secret: bytes, kind: str, *parts: str) -> UUID:
    raw = bytearray(_digest(secret, kind, *parts)[:16])
    raw[6] = (raw[6] & 0x0F) | 0x80  # version 8: an id of our own making (RFC 9562)
    raw[8] = (raw[8] & 0x3F) | 0x80  # the variant of RFC 9562
    return UUID(bytes=bytes(raw))
