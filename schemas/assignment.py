"""The decision: who gets the lead, and why. And the requests that ask for another one."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from schemas.base import Event, Instant, Kind, Model, PipelineEvent, RoleName, TierName
from schemas.lead import Consent
from schemas.qualification import OpenQuestion
from schemas.score import Score


class AssignmentStatus(StrEnum):
    """Where an attempt stands."""

    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REASSIGNED = "reassigned"
    ESCALATED = "escalated"
    HELD = "held"
    NURTURED = "nurtured"
    RE_ENGAGED = "re_engaged"
    CLOSED = "closed"


ACTIVE = frozenset(
    {
        AssignmentStatus.ASSIGNED,
        AssignmentStatus.REASSIGNED,
        AssignmentStatus.ACCEPTED,
        AssignmentStatus.ESCALATED,
    }
)
"""Statuses in which a rep owns the lead; at most one such attempt per lead and role."""


class Rep(Model):
    """The person who owns the lead."""

    id: str
    name: str
    email: str
    external_ids: dict[str, str] = Field(default_factory=dict)


class LeadBlock(Model):
    """What the rep needs to act; at most 16 KiB as JSON."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    job_title: str | None = None
    phone: str | None = None
    country: str | None = None
    message: str | None = None
    form_id: str | None = None
    page_url: str | None = None
    crm_url: str | None = None
    external_id: str | None = None
    facts: dict[str, str] = Field(default_factory=dict)
    """Derived and bought values, as text."""
    email_verified_at: Instant | None = None
    """When a verifier last found the address valid."""
    role_confirmed_at: Instant | None = None
    """When the person was last known to have the job."""
    consent: tuple[Consent, ...] = ()
    """What the person allowed and refused on the form."""
    score_reasons: tuple[str, ...] = ()
    """The rules that gave the most points, the strongest first; at most three."""
    touch: int | None = None
    """Which submission of the person this is, counted from 1."""
    questions: tuple[OpenQuestion, ...] = ()
    """What is still to be asked, by the shared definition of a qualified lead."""
    sql: bool | None = None
    """Whether it is sales-qualified by that definition; null where there is none."""


class Diverted(Model):
    """A hand-raise that is no lead."""

    kind: str
    """``support``, ``applicant``, ``vendor``, or another word of the configuration."""
    to: str | None = None
    """An address or a note for whoever has to do with it."""


class AssignmentChanged(PipelineEvent):
    """The state of one attempt changed. Key: ``account_key``; ignore a passed ``sequence``."""

    TYPE: ClassVar[str] = "com.handraise.assignment.changed.v1"

    assignment_id: UUID
    lead_id: UUID
    account_key: str
    role: RoleName
    cycle: int
    attempt: int
    sequence: int
    """+1 per lead with every event, whatever its role."""
    status: AssignmentStatus
    rep: Rep | None
    pool: str | None
    reason: str
    """One sentence for a person."""
    rule_path: str
    """Where in the configuration the choice was made, e.g. ``routing.yaml#/rules/2``."""
    config_version: str
    tier: TierName
    score: Score
    kind: Kind
    source: str
    held_until: Instant | None = None
    previous_rep_id: str | None = None
    experiments: dict[str, str] = Field(default_factory=dict)
    """Experiment to the arm by which a rule that splits its leads routed this one."""
    offered_until: Instant | None = None
    """While it is held: until then the pool's members may claim it; then it goes by turn."""
    diverted: Diverted | None = None
    """With ``closed``: it is no lead, and its submission ended so where this is its first event."""
    decided_at: Instant
    lead: LeadBlock
    merged_into: UUID | None = None
    """With ``closed``: the person is the one of this lead, who stands for both from now on."""

    @property
    def subject(self) -> str:
        return str(self.lead_id)


class RequestAction(StrEnum):
    """What is asked of routing."""

    ACCEPT = "accept"
    REJECT = "reject"
    REASSIGN = "reassign"
    ESCALATE = "escalate"
    RELEASE = "release"


class AssignmentRequested(Event):
    """Someone asks routing to change an attempt, by compare-and-set. Key: account key (a hint)."""

    TYPE: ClassVar[str] = "com.handraise.assignment.requested.v1"

    assignment_id: UUID
    action: RequestAction
    expected_status: AssignmentStatus | None = None
    """The request is stale, and answered with no event, where the attempt is no longer in it."""
    rep_id: str | None = None
    """Who asks; must be the attempt's rep for accept and reject."""
    reason: str = ""
    to_rep_id: str | None = None
    """For ``reassign``: the person who is to have it; null leaves the choice to the pool."""
    correction: bool = False
    """For ``reassign``: the router erred. The wrong rep's turn is given back, and the right rep's
    is charged."""
    hand_back: bool = False
    """For ``reject`` by the next role (ae): the lead goes back to whoever qualified it."""
    claim: bool = False
    """For ``accept`` of a held attempt: the rep takes it from the list of a pull pool."""
    divert: str | None = None
    """For ``reject`` by the rep, or ``release`` by anybody: it is no lead but of this kind. It is
    closed, the turn is given back, and nobody else gets it."""
    requested_at: Instant

    @property
    def subject(self) -> str:
        return str(self.assignment_id)
