"""A lead as it was captured: one normalised submission of one person."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from schemas.base import Instant, Kind, Model, PipelineEvent


class Utm(Model):
    """Campaign parameters of the landing page."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None


class Consent(Model):
    """One consent that the person gave or refused on the form."""

    purpose: str
    channel: str
    basis: str
    text_version: str | None = None
    at: Instant | None = None


class Lead(Model):
    """Who the person is and what they said, normalised."""

    lead_id: UUID
    account_key: str
    """Registrable domain of a business e-mail, else the lead id. The Kafka key of the pipeline."""
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    job_title: str | None = None
    phone: str | None = None
    """E.164."""
    country: str | None = None
    """ISO 3166-1 alpha-2, upper case."""
    message: str | None = None
    form_id: str | None = None
    page_url: str | None = None
    referrer: str | None = None
    utm: Utm = Utm()
    click_ids: dict[str, str] = Field(default_factory=dict)
    consent: tuple[Consent, ...] = ()
    external_id: str | None = None
    crm_url: str | None = None
    visitor_id: str | None = None
    """What the website calls the browser that the form was sent from."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Whatever else the form asked, as text."""


class Repeat(StrEnum):
    """How a submission relates to what the person did before."""

    FIRST = "first"
    RETURNING = "returning"
    """A new touch of a known person: scored again."""
    DOUBLE_SUBMIT = "double_submit"
    """The same person and form within ten minutes: ends as ``merged``."""


class LeadCaptured(PipelineEvent):
    """A submission became a lead, or another touch of one. Key: ``lead.account_key``."""

    TYPE: ClassVar[str] = "com.handraise.lead.captured.v1"

    source: str
    kind: Kind
    lead: Lead
    repeat: Repeat
    touch: int
    """1 for the person's first submission, then counting up."""
    submitted_at: Instant
    """When the person pressed the button, as the form tool says; else ``received_at``."""

    @property
    def subject(self) -> str:
        return str(self.lead.lead_id)
