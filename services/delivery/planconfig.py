"""Sinks of ``delivery.yaml`` that run touch plans."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.assignment import AssignmentStatus
from services.delivery.sinkconfig import HttpSink, Rate, SecretName


class PlanSink(HttpSink):
    """Runs touch plans: told when a lead begins one, and when that is over."""

    sequences: Annotated[dict[str, Annotated[int, Field(ge=1)]], Field(min_length=1)]
    """Name of a plan of ``response.yaml`` to what runs it there."""
    owner_ids: str
    """Name of the reps' external ids that are users there."""

    def statuses(self) -> frozenset[AssignmentStatus]:
        return frozenset()


class OutreachSink(PlanSink):
    """Prospects in sequences."""

    type: Literal["outreach"]
    base_url: str = "https://api.outreach.io"
    client_id: str
    client_secret: SecretName
    token: SecretName
    """The refresh token of whoever installed the app; what follows it is kept encrypted."""
    redirect_uri: str
    owner_ids: str = "outreach"
    mailbox_ids: str = "outreach_mailbox"
    """Name of the reps' external ids that are their mailboxes there."""
    rate: Rate = Rate(calls=30, seconds=60)
    """Messages, of five calls at most; Outreach takes 10,000 calls an hour of a user."""


class SalesloftSink(PlanSink):
    """People in cadences."""

    type: Literal["salesloft"]
    base_url: str = "https://api.salesloft.com"
    token: SecretName
    """An API key, or the token of an OAuth app."""
    owner_ids: str = "salesloft"
    rate: Rate = Rate(calls=120, seconds=60)
    """Messages, of up to three calls each; Salesloft takes 600 calls a minute of a team."""
