"""The adapters by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.capture.adapters.api import Api
from services.capture.adapters.base import Adapter
from services.capture.adapters.google_ads import GoogleAds
from services.capture.adapters.hubspot_workflow import HubspotWorkflow
from services.capture.adapters.standard_webhooks import StandardWebhooks
from services.capture.adapters.typeform import Typeform

_ALL: tuple[Adapter, ...] = (
    Api(),
    GoogleAds(),
    HubspotWorkflow(),
    StandardWebhooks(),
    Typeform(),
)

ADAPTERS: Final[Mapping[str, Adapter]] = MappingProxyType({one.name: one for one in _ALL})

KEPT_HEADERS: Final = frozenset().union(*(one.kept_headers for one in _ALL))
"""What is kept of a request whose source nobody knows: whatever some adapter would have kept."""
