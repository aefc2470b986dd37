"""Every topic of the bus. The only place that names one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from schemas.account import AccountChanged
from schemas.activity import ActivityRecorded
from schemas.assignment import AssignmentChanged, AssignmentRequested
from schemas.base import Event, Lane
from schemas.enrichment import LeadEnriched
from schemas.erasure import LeadErased
from schemas.lead import LeadCaptured
from schemas.people import PersonChanged
from schemas.score import LeadScored
from schemas.signal import SignalDetected
from schemas.submission import SubmissionQuarantined, SubmissionReceived
from schemas.touch import TouchDue

PARTITIONS = 4
"""Of a topic that carries leads; a cluster may have more, never fewer."""

_WEEK = timedelta(days=7)
_MONTH = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic carries and how it is kept."""

    name: str
    event: type[Event]
    key: str
    """What the Kafka key is."""
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    """The services that read it, each with a dead-letter topic; outside readers are not listed."""
    partitions: int = PARTITIONS
    retention: timedelta | None = _WEEK
    """None: compacted, the latest record of each key is kept for ever."""
    lane: Lane | None = None

    @property
    def compacted(self) -> bool:
        return self.retention is None

    def dead_letters(self, service: str) -> str:
        """Where ``service`` puts records of this topic that it cannot process."""
        return dead_letter_topic(self.name, service)


def dead_letter_topic(topic: str, service: str) -> str:
    """Name of the dead-letter topic of a consuming service."""
    return f"{topic}.{service}.dlq"


def partner_topic(partner: str) -> str:
    """Where a partner produces submissions directly; the topic binds the source of that name."""
    return f"submissions.partner.{partner}.v1"


def partner(name: str, lane: Lane = Lane.LIVE) -> TopicSpec:
    """The topic of one partner, as declared by its source in ``sources.yaml``."""
    return TopicSpec(
        partner_topic(name),
        SubmissionReceived,
        "delivery key",
        ("partners",),
        ("capture",),
        retention=_MONTH,
        lane=lane,
    )


def partner_of(topic: str) -> str | None:
    """The source that a partner's topic binds; None for a topic of the house."""
    name = topic.removeprefix("submissions.partner.").removesuffix(".v1")
    return name if topic == partner_topic(name) else None


def _lanes(
    stem: str,
    event: type[Event],
    key: str,
    producers: tuple[str, ...],
    consumer: str,
    keep: timedelta,
) -> tuple[TopicSpec, TopicSpec]:
    live = TopicSpec(
        f"{stem}.v1", event, key, producers, (consumer,), retention=keep, lane=Lane.LIVE
    )
    bulk = TopicSpec(
        f"{stem}.bulk.v1", event, key, producers, (consumer,), retention=keep, lane=Lane.BULK
    )
    return live, bulk


SUBMISSIONS, SUBMISSIONS_BULK = _lanes(
    "submissions", SubmissionReceived, "delivery key", ("capture",), "capture", _MONTH
)
CAPTURED, CAPTURED_BULK = _lanes(
    "leads.captured", LeadCaptured, "account key", ("capture", "scoring"), "enrichment", _WEEK
)
ENRICHED, ENRICHED_BULK = _lanes(
    "leads.enriched", LeadEnriched, "account key", ("enrichment",), "scoring", _WEEK
)
SCORED, SCORED_BULK = _lanes(
    "leads.scored", LeadScored, "account key", ("scoring",), "routing", _WEEK
)
ASSIGNMENTS = TopicSpec(
    "assignments.v1",
    AssignmentChanged,
    "account key",
    ("routing",),
    ("capture", "response", "delivery", "scoring"),
    retention=_WEEK,
)
ASSIGNMENTS_CURRENT = TopicSpec(
    "assignments.current.v1", AssignmentChanged, "lead id", ("routing",), (), retention=None
)
ASSIGNMENT_REQUESTS = TopicSpec(
    "assignment.requests.v1",
    AssignmentRequested,
    "account key",
    ("response", "delivery", "SDR tooling", "operators"),
    ("routing",),
)
PEOPLE = TopicSpec(
    "people.v1",
    PersonChanged,
    "rep id",
    ("routing",),
    ("response", "delivery"),
    retention=None,
)
ACTIVITIES = TopicSpec(
    "activities.v1",
    ActivityRecorded,
    "account key",
    ("CRM", "SDR tooling", "capture"),
    ("scoring", "response", "routing", "delivery"),
)
ACCOUNTS = TopicSpec(
    "accounts.v1", AccountChanged, "account id", ("delivery",), ("routing",), retention=None
)
SIGNALS = TopicSpec(
    "signals.v1", SignalDetected, "account key", ("providers", "capture"), ("scoring",)
)
TOUCHES = TopicSpec("touches.v1", TouchDue, "account key", ("response", "scoring"), ("delivery",))
ERASURES = TopicSpec(
    "erasures.v1",
    LeadErased,
    "lead id",
    ("cli",),
    ("capture", "enrichment", "scoring", "routing", "response", "delivery"),
    retention=_MONTH,
)
QUARANTINE = TopicSpec(
    "quarantine.v1", SubmissionQuarantined, "as its source", ("capture",), (), retention=_MONTH
)

TOPICS: tuple[TopicSpec, ...] = (
    SUBMISSIONS,
    SUBMISSIONS_BULK,
    CAPTURED,
    CAPTURED_BULK,
    ENRICHED,
    ENRICHED_BULK,
    SCORED,
    SCORED_BULK,
    ASSIGNMENTS,
    ASSIGNMENTS_CURRENT,
    ASSIGNMENT_REQUESTS,
    PEOPLE,
    ACTIVITIES,
    ACCOUNTS,
    SIGNALS,
    TOUCHES,
    ERASURES,
    QUARANTINE,
)

LONGEST_RETENTION = max(spec.retention for spec in TOPICS if spec.retention is not None)
"""Of all topics that are not compacted, partners' topics included."""

BY_NAME = {spec.name: spec for spec in TOPICS}

DEAD_LETTER_PARTITIONS = 1
DEAD_LETTER_RETENTION = _MONTH


def submissions(lane: Lane) -> TopicSpec:
    return SUBMISSIONS if lane is Lane.LIVE else SUBMISSIONS_BULK


def captured(lane: Lane) -> TopicSpec:
    return CAPTURED if lane is Lane.LIVE else CAPTURED_BULK


def enriched(lane: Lane) -> TopicSpec:
    return ENRICHED if lane is Lane.LIVE else ENRICHED_BULK


def scored(lane: Lane) -> TopicSpec:
    return SCORED if lane is Lane.LIVE else SCORED_BULK


def dead_letter_topics() -> tuple[str, ...]:
    """Every dead-letter topic that the declared consumers need."""
    return tuple(spec.dead_letters(service) for spec in TOPICS for service in spec.consumers)
