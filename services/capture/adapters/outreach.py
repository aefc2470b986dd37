"""Outreach webhooks: calls, mails and meetings of its sequences.

``Outreach-Webhook-Signature``: hex of HMAC-SHA256 over the raw body (developers.outreach.io,
"App lifecycle webhooks"). ``data`` (``type``, ``id``, ``attributes``, ``relationships``) and
``meta`` (``eventName``, ``deliveredAt``) are those of deliveries in published integrations' tests.
Names of attributes are from memory. Outreach names the prospect by its own id alone where an event
has no address or number: such events are about nobody. It does not retry, says one integrator;
another counts four attempts a second apart.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from schemas.activity import ActivityName
from services.capture.adapters.base import Evidence
from services.capture.adapters.feeds import ActivityFeed, Shape
from services.capture.adapters.proofs import SignedBody

HEADER = "outreach-webhook-signature"
_SHAPE = Shape(
    words=(
        ("meta.eventName", "data.attributes.outcome"),
        ("meta.eventName", "data.attributes.state"),
        ("meta.eventName",),
    ),
    activities={
        "call.created": ActivityName.CALL_ATTEMPTED,
        "call.created:answered": ActivityName.CALL_CONNECTED,
        "call.updated:answered": ActivityName.CALL_CONNECTED,
        "mailing.delivered": ActivityName.EMAIL_SENT,
        "mailing.bounced": ActivityName.EMAIL_BOUNCED,
        "mailing.replied": ActivityName.EMAIL_REPLIED,
        "prospect.opted_out": ActivityName.UNSUBSCRIBED,
    },
    fields={
        "id": ("data.id",),
        "occurred_at": (
            "data.attributes.answeredAt", "data.attributes.dialedAt",
            "data.attributes.repliedAt", "data.attributes.bouncedAt",
            "data.attributes.deliveredAt", "meta.deliveredAt",
        ),
        "email": (
            "data.attributes.toEmail", "data.attributes.emails",
            "data.relationships.prospect.data.attributes.emails",
        ),
        "phone": ("data.attributes.to", "data.attributes.toNumber"),
        "rep": ("data.relationships.user.data.id", "meta.user.email"),
        "detail": ("data.attributes.subject", "data.attributes.note"),
    },
    automated=(("data.attributes.mailingType", "sequence"),),
)  # fmt: skip


def _code(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, body, sha256).hex().encode()


OUTREACH = ActivityFeed(
    "outreach", _SHAPE, SignedBody(HEADER, _code), Evidence.MEMORY, frozenset({HEADER})
)
