"""By what a lead's person is known elsewhere. Pure."""

from __future__ import annotations

from uuid import UUID

from schemas.assignment import AssignmentChanged
from services.kernel.identity import lead_id, normalise_email, personal_phone


def persons_of(secret: bytes, event: AssignmentChanged) -> frozenset[UUID]:
    """The lead's id and the tokens of its address and number; a lead that was first known by one of
    them has another id than its other token.

    :param secret: the installation's, under which tokens are made.
    """
    found = {event.lead_id}
    email = normalise_email(event.lead.email)
    if email is not None:
        found.add(lead_id(secret, email, None, "", None))
    phone = personal_phone(event.lead.phone, None)
    if phone is not None:
        found.add(lead_id(secret, None, phone, "", None))
    return frozenset(found)
