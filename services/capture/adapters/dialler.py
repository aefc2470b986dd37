"""Any dialler that can post a call somewhere, as JSON or form-encoded.

The common names are known; what a dialler calls otherwise is said in ``feed.paths``, its outcomes
in ``feed.activities``.
"""

from __future__ import annotations

from schemas.activity import ActivityName
from services.capture.adapters.base import Evidence
from services.capture.adapters.feeds import ActivityFeed, Shape
from services.capture.adapters.proofs import Shown

_CONNECTED = ("connected", "answered", "completed", "human")
_ATTEMPTED = (
    "no_answer", "no-answer", "no answer", "missed", "busy", "failed", "voicemail",
    "left_voicemail", "unanswered", "machine", "canceled", "cancelled", "attempted",
)  # fmt: skip
_SHAPE = Shape(
    words=(("outcome",), ("disposition",), ("call_status",), ("status",), ("event",)),
    activities={
        **dict.fromkeys(_CONNECTED, ActivityName.CALL_CONNECTED),
        **dict.fromkeys(_ATTEMPTED, ActivityName.CALL_ATTEMPTED),
    },
    fields={
        "id": ("id", "call_id", "callId", "call.id", "CallSid", "uuid"),
        "occurred_at": (
            "answered_at", "started_at", "start_time", "call.started_at", "timestamp", "date",
        ),
        "email": ("email", "contact.email", "customer.email"),
        "phone": (
            "to", "to_number", "phone", "phone_number", "number", "contact.phone", "callee", "To",
        ),
        "rep": ("agent.email", "user.email", "agent_email", "agent", "agent.id", "user.id"),
        "detail": ("notes", "note", "comment"),
    },
)  # fmt: skip

DIALLER = ActivityFeed("dialler", _SHAPE, Shown(), Evidence.OWN)
