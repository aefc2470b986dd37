"""Salesloft webhooks: calls, mails and meetings of its cadences.

``x-salesloft-signature``: hex of HMAC-SHA1 over the raw body, keyed with the subscription's
callback token; ``x-salesloft-event`` names the event (developers.salesloft.com, "Delivery
headers"). The header is not signed: whoever holds a genuine delivery can send it again under
another event's name, and count one call as another. Events: the vendor's "Event types". A body is
the API's resource as a bare object, in which person and user are ids alone (deliveries in published
integrations); names of its fields are from memory.
"""

from __future__ import annotations

import hmac
from hashlib import sha1

from schemas.activity import ActivityName
from services.capture.adapters.base import Evidence, HookRequest, with_headers
from services.capture.adapters.feeds import HEADER, ActivityFeed, Shape
from services.capture.adapters.proofs import SignedBody

SIGNATURE, EVENT = "x-salesloft-signature", "x-salesloft-event"
_SHAPE = Shape(
    words=(
        (HEADER + EVENT, "disposition"),
        (HEADER + EVENT, "status"),
        (HEADER + EVENT,),
    ),
    activities={
        "call_created": ActivityName.CALL_ATTEMPTED,
        "call_created:connected": ActivityName.CALL_CONNECTED,
        "call_updated:connected": ActivityName.CALL_CONNECTED,
        "email_updated:sent": ActivityName.EMAIL_SENT,
        "email_updated:bounced": ActivityName.EMAIL_BOUNCED,
        "email_updated:replied": ActivityName.EMAIL_REPLIED,
        "meeting_booked": ActivityName.MEETING_BOOKED,
    },
    fields={
        "id": ("id",),
        "occurred_at": ("sent_at", "start_time", "created_at", "updated_at"),
        "email": ("recipient_email_address", "recipient_email", "person.email_address", "email"),
        "phone": ("to", "person.phone"),
        "rep": ("user.email", "user.id", "user.guid"),
        "detail": ("subject", "title", "note"),
    },
    automated=(("cadence_step", "true"),),
)


def _code(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, body, sha1).hex().encode()


class _Proof(SignedBody):
    """As Salesloft's; a trial says which event it is."""

    __slots__ = ()

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        mail = b"recipient_email" in request.body
        event = request.headers.get(EVENT) or ("email_updated" if mail else "call_created")
        named = with_headers(request, x_salesloft_event=event)
        return SignedBody.sign(self, named, secret, at)


SALESLOFT = ActivityFeed(
    "salesloft", _SHAPE, _Proof(SIGNATURE, _code), Evidence.MEMORY,
    frozenset({SIGNATURE, EVENT}),
)  # fmt: skip
