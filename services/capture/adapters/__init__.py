"""The adapters by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.capture.adapters.api import Api
from services.capture.adapters.base import Adapter
from services.capture.adapters.calcom import CalCom
from services.capture.adapters.calendly import Calendly
from services.capture.adapters.cloudevents import CloudEvents
from services.capture.adapters.dialler import DIALLER
from services.capture.adapters.generic import Generic
from services.capture.adapters.google_ads import GoogleAds
from services.capture.adapters.hubspot_app import HubspotApp
from services.capture.adapters.hubspot_engagements import HUBSPOT_ENGAGEMENTS
from services.capture.adapters.hubspot_workflow import HubspotWorkflow
from services.capture.adapters.jotform import Jotform
from services.capture.adapters.linkedin_lead_gen import LinkedinLeadGen
from services.capture.adapters.meta_lead_ads import MetaLeadAds
from services.capture.adapters.netlify import Netlify
from services.capture.adapters.outreach import OUTREACH
from services.capture.adapters.salesforce_activities import SALESFORCE_ACTIVITIES
from services.capture.adapters.salesloft import SALESLOFT
from services.capture.adapters.segment import Segment
from services.capture.adapters.standard_webhooks import StandardWebhooks
from services.capture.adapters.tally import Tally
from services.capture.adapters.typeform import Typeform
from services.capture.adapters.visitor_id import VisitorId
from services.capture.adapters.webflow import Webflow

_ALL: tuple[Adapter, ...] = (
    Api(),
    Generic(),
    GoogleAds(),
    HubspotApp(),
    HubspotWorkflow(),
    Jotform(),
    LinkedinLeadGen(),
    MetaLeadAds(),
    CalCom(),
    Calendly(),
    CloudEvents(),
    Netlify(),
    Segment(),
    StandardWebhooks(),
    Tally(),
    Typeform(),
    Webflow(),
    DIALLER,
    HUBSPOT_ENGAGEMENTS,
    OUTREACH,
    SALESFORCE_ACTIVITIES,
    SALESLOFT,
    VisitorId(),
)

ADAPTERS: Final[Mapping[str, Adapter]] = MappingProxyType({one.name: one for one in _ALL})

KEPT_HEADERS: Final = frozenset().union(*(one.kept_headers for one in _ALL))
"""What is kept of a request whose source nobody knows: whatever some adapter would have kept."""
