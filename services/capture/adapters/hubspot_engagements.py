"""HubSpot calls, mails and meetings, sent by workflows over these objects.

HubSpot's own events of engagements carry ids only; a workflow sends the properties that are chosen
in it, with the request signature turned on (as for contacts). ``email`` is that of the associated
contact. Names of properties: developers.hubspot.com, "Calls", "Meetings", "Emails". The ids of
outcomes of calls are the defaults that several published integrations agree on; HubSpot's pages say
only that `GET /calling/v1/dispositions` lists an account's own.
"""

from __future__ import annotations

from schemas.activity import ActivityName
from services.capture.adapters import hubspot
from services.capture.adapters.base import Acknowledgement, Evidence
from services.capture.adapters.feeds import ActivityFeed, Shape

_FINAL_BUT_429 = Acknowledgement(refused=429, busy=429, retry_after_per_s=1_000)
_SHAPE = Shape(
    words=(
        ("hs_call_disposition",),
        ("hs_call_status",),
        ("hs_meeting_outcome",),
        ("hs_email_status",),
        ("hs_email_direction",),
    ),
    activities={
        "connected": ActivityName.CALL_CONNECTED,
        "f240bbac-87c9-4f6e-bf70-924b57d47db7": ActivityName.CALL_CONNECTED,
        "completed": ActivityName.CALL_ATTEMPTED,
        "no_answer": ActivityName.CALL_ATTEMPTED,
        "busy": ActivityName.CALL_ATTEMPTED,
        "9d9162e7-6cf3-4944-bf63-4dff82258764": ActivityName.CALL_ATTEMPTED,
        "73a0d17f-1163-4015-bdd5-ec830791da20": ActivityName.CALL_ATTEMPTED,
        "b2cf5968-551e-4856-9783-52b3da59a7d0": ActivityName.CALL_ATTEMPTED,
        "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": ActivityName.CALL_ATTEMPTED,
        "17b47fee-58de-441e-a44c-c6300d46f273": ActivityName.CALL_ATTEMPTED,
        "scheduled": ActivityName.MEETING_BOOKED,
        "rescheduled": ActivityName.MEETING_BOOKED,
        "no_show": ActivityName.NO_SHOW,
        "bounced": ActivityName.EMAIL_BOUNCED,
        "sent": ActivityName.EMAIL_SENT,
        "email": ActivityName.EMAIL_SENT,
        "incoming_email": ActivityName.EMAIL_REPLIED,
    },
    fields={
        "id": ("hs_object_id", "objectId"),
        "occurred_at": ("hs_timestamp", "hs_createdate"),
        "email": ("email", "contact_email"),
        "phone": ("hs_call_to_number", "phone"),
        "rep": ("hubspot_owner_id", "hubspot_owner_email"),
        "detail": ("hs_call_title", "hs_meeting_title", "hs_email_subject"),
    },
    automated=(("hs_email_sent_via", "workflow"), ("hs_email_sent_via", "sequence")),
)


class _Version3:
    verify = staticmethod(hubspot.verify)
    sign = staticmethod(hubspot.sign)


HUBSPOT_ENGAGEMENTS = ActivityFeed(
    "hubspot_engagements", _SHAPE, _Version3(), Evidence.SECONDARY, hubspot.KEPT, _FINAL_BUT_429
)
