"""Ready mappings for form tools that sign nothing and promise no format of their own.

Each is a start: what a site's own form asks is added in ``mapping``, which wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from services.capture.adapters.base import Evidence


@dataclass(frozen=True, slots=True)
class Preset:
    """How one tool's requests are read by the generic adapter."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """Dotted path -> where it belongs."""
    delivery_id: str | None = None
    """Dotted path of what the tool calls one submission."""
    dropped: tuple[str, ...] = ()
    """Beginnings of paths that say nothing about the person, or more than anybody asked."""
    evidence: Evidence = Evidence.OWN
    opaque: bool = False
    """Its names say nothing of what they hold: without a mapping nobody can be told from it."""


_UNBOUNCE = Preset(
    {
        "page_id": "form_id",
        "data.json.name": "full_name",
        "data.json.work_email": "email",
        "data.json.email_address": "email",
        "data.json.company_name": "company",
        "data.json.phone_number": "phone",
        "data.json.title": "job_title",
        "data.json.comments": "message",
        "data.json.page_url": "page_url",
    },
    dropped=("data.json.ip_address", "data.xml"),
    evidence=Evidence.SECONDARY,
)
_GRAVITY_FORMS = Preset(
    {"source_url": "page_url"},
    delivery_id="id",
    dropped=(
        "ip", "user_agent", "id", "post_id", "is_starred", "is_read", "payment_", "transaction_",
        "status", "created_by", "is_fulfilled", "currency", "source_id",
    ),
    evidence=Evidence.MEMORY,
    opaque=True,
)  # fmt: skip
_WPFORMS = Preset(
    {
        "name": "full_name",
        "name.first": "first_name",
        "name.last": "last_name",
        "work_email": "email",
        "company_name": "company",
        "business": "company",
        "comment": "message",
        "comment_or_message": "message",
    },
    delivery_id="entry_id",
    dropped=("user_ip", "user_agent"),
    evidence=Evidence.MEMORY,
)
_CONTACT_FORM_7 = Preset(
    {
        "your-name": "full_name",
        "your-email": "email",
        "your-message": "message",
        "your-company": "company",
        "your-phone": "phone",
        "your-tel": "phone",
        "your-subject": "fields.subject",
        "_wpcf7": "form_id",
    },
    dropped=("_wpcf7_", "g-recaptcha-response", "_remote_ip", "_user_agent"),
    evidence=Evidence.MEMORY,
)
_G2 = Preset(
    {
        "name": "full_name",
        "work_email": "email",
        "company_name": "company",
        "title": "job_title",
        "phone_number": "phone",
        "comments": "message",
    },
    evidence=Evidence.MEMORY,
)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "contact_form_7": _CONTACT_FORM_7,
        "g2": _G2,
        "gravity_forms": _GRAVITY_FORMS,
        "unbounce": _UNBOUNCE,
        "wpforms": _WPFORMS,
    }
)
"""By the name that ``sources.yaml`` calls it."""
