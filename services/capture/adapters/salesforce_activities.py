"""Salesforce tasks and events, sent by a flow (an HTTP callout after the record was saved).

The flow says what it sends: the fields of the record by their API names, and ``Email`` and
``Phone`` of whom it is about. Names of fields: developer.salesforce.com, object reference of Task
and Event. ``CallDisposition`` is free text there; what your organisation calls outcomes goes into
``feed.activities``.
"""

from __future__ import annotations

from schemas.activity import ActivityName
from services.capture.adapters.base import Evidence
from services.capture.adapters.feeds import ActivityFeed, Shape
from services.capture.adapters.proofs import Shown

_SHAPE = Shape(
    words=(
        ("TaskSubtype", "CallDisposition"),
        ("TaskSubtype", "Status"),
        ("TaskSubtype",),
        ("EventSubtype", "Status"),
        ("EventSubtype",),
    ),
    activities={
        "call": ActivityName.CALL_ATTEMPTED,
        "call:connected": ActivityName.CALL_CONNECTED,
        "email": ActivityName.EMAIL_SENT,
        "listemail": ActivityName.EMAIL_SENT,
        "linkedin": ActivityName.LINKEDIN_TOUCH,
        "event": ActivityName.MEETING_BOOKED,
        "event:completed": ActivityName.MEETING_HELD,
        "event:no show": ActivityName.NO_SHOW,
    },
    fields={
        "id": ("Id",),
        "occurred_at": ("CompletedDateTime", "CreatedDate", "ActivityDateTime"),
        "email": ("Email", "Who.Email"),
        "phone": ("Phone", "Who.Phone"),
        "rep": ("OwnerId", "Owner.Email"),
        "detail": ("Subject",),
    },
    automated=(("TaskSubtype", "listemail"),),
)

SALESFORCE_ACTIVITIES = ActivityFeed("salesforce_activities", _SHAPE, Shown(), Evidence.SECONDARY)
