"""Every metric of the house, declared once.

A dashboard query that names anything else fails the tests. Labels are bounded: never a lead, a rep,
a domain or a text. Children are bound once by the code that observes them.
"""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_ASSIGNMENT = (
    0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
    3600,
)  # fmt: skip
_LONG = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600)

_ANSWER = (30, 60, 120, 180, 300, 600, 900, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600)
_LATE = (0.1, 0.25, 0.5, 1, 2, 5, 10, 60, 600, 3600, 12 * 3600)


class Metrics:
    """The metrics of one process, on a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        r = self.registry
        # -- speed -----------------------------------------------------------------------------
        self.assignment_latency = Histogram(
            "handraise_assignment_latency_seconds",
            "Speed to assignment: received to acknowledged, for submissions assigned at their "
            "first decision.",
            ("lane", "tier"), buckets=_ASSIGNMENT, registry=r,
        )  # fmt: skip
        self.hold = Histogram(
            "handraise_hold_seconds", "How long a held lead waited until it was assigned.",
            ("tier",), buckets=_LONG, registry=r,
        )  # fmt: skip
        self.source_delay = Histogram(
            "handraise_source_delay_seconds",
            "From the press of the button (as the form tool says) to our receipt.",
            ("source",), buckets=_LONG, registry=r,
        )  # fmt: skip
        self.answer = Histogram(
            "handraise_http_answer_seconds", "From the request's first byte read to its answer.",
            ("route", "status"), buckets=_FAST, registry=r,
        )  # fmt: skip
        # -- stages ----------------------------------------------------------------------------
        self.stage_duration = Histogram(
            "handraise_stage_duration_seconds",
            "From a record's append to its input topic until its outputs are acknowledged.",
            ("stage", "lane"), buckets=_FAST, registry=r,
        )  # fmt: skip
        self.stage_batch = Histogram(
            "handraise_stage_batch_records", "Records taken at once.",
            ("stage", "lane"), buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500), registry=r,
        )  # fmt: skip
        self.consumer_lag = Gauge(
            "handraise_consumer_lag_seconds",
            "Age of the oldest record that the stage has not finished; 0 when it is level.",
            ("stage", "lane"), registry=r,
        )  # fmt: skip
        self.dead_letters = Counter(
            "handraise_dead_letters_total", "Records set aside with their bytes and reason.",
            ("stage", "reason"), registry=r,
        )  # fmt: skip
        self.erased_records = Counter("handraise_erased_records_total",
            "Older events of erased leads, dropped.", ("service",), registry=r)  # fmt: skip
        self.retries = Counter(
            "handraise_stage_retries_total", "Attempts repeated because something outside failed.",
            ("stage", "waiting_for"), registry=r,
        )  # fmt: skip
        self.waiting = Gauge(
            "handraise_stage_waiting", "1 while the stage waits for kafka or postgres.",
            ("stage", "waiting_for"), registry=r,
        )  # fmt: skip
        self.commit_failures = Counter(
            "handraise_commit_failures_total",
            "Offset commits that were lost to a rebalance or failed.",
            ("stage", "reason"), registry=r,
        )  # fmt: skip
        self.outbox_unpublished = Gauge("handraise_outbox_unpublished_rows",
            "Decided events that wait to be published.", ("service",), registry=r)  # fmt: skip
        # -- submissions -----------------------------------------------------------------------
        self.submissions = Counter(
            "handraise_submissions_total", "Ends of submissions.",
            ("source", "end"), registry=r,
        )  # fmt: skip
        self.screening = Counter(
            "handraise_screening_total",
            "What screening found in submissions, and what followed: rejected, quarantined, "
            "observed (the source only watches) or counted (it did not suffice).",
            ("source", "reason", "action"), registry=r,
        )  # fmt: skip
        self.accepted = Counter(
            "handraise_submissions_accepted_total",
            "Requests answered with 200, by how they were made durable.",
            ("source", "stored"), registry=r,
        )  # fmt: skip
        self.events_accepted = Counter(
            "handraise_events_accepted_total",
            "Activities and signals answered with 200, by how they were made durable.",
            ("topic", "stored"), registry=r,
        )  # fmt: skip
        self.feed_events = Counter(
            "handraise_feed_events_total",
            "What feeds delivered: taken, ignored (of another type), or kept as a submission.",
            ("source", "outcome"), registry=r,
        )  # fmt: skip
        self.feed_last_event = Gauge(
            "handraise_feed_last_event_timestamp_seconds",
            "When a feed spoke last, or was configured; over several processes the highest counts.",
            ("source",), registry=r,
        )  # fmt: skip
        self.feed_stale_after = Gauge("handraise_feed_stale_after_seconds",
            "So long may a feed say nothing.", ("source",), registry=r)  # fmt: skip
        self.spool_rows = Gauge(
            "handraise_spool_rows", "Accepted submissions in Postgres that are not through yet.",
            (), registry=r,
        )  # fmt: skip
        # -- delivery --------------------------------------------------------------------------
        self.deliveries = Counter(
            "handraise_deliveries_total",
            "Attempts to tell a sink of a change, by what came of them.",
            ("sink", "outcome"), registry=r,
        )  # fmt: skip
        self.delivery_attempt = Histogram(
            "handraise_delivery_attempt_seconds", "How long a sink took to answer.",
            ("sink", "outcome"), buckets=_FAST, registry=r,
        )  # fmt: skip
        self.delivery_latency = Histogram(
            "handraise_delivery_latency_seconds",
            "Received to taken by the sink, for the first decision about a submission.",
            ("sink",), buckets=_ASSIGNMENT, registry=r,
        )  # fmt: skip
        self.deliveries_in_doubt = Counter(
            "handraise_deliveries_in_doubt_total",
            "Attempts without an answer: they are repeated, and may have arrived twice.",
            ("sink",), registry=r,
        )  # fmt: skip
        self.delivery_dead_letters = Counter(
            "handraise_delivery_dead_letters_total",
            "Messages given up: the sink refused them, or was away for too long.",
            ("sink",), registry=r,
        )  # fmt: skip
        self.deliveries_waiting = Gauge(
            "handraise_deliveries_waiting",
            "Changes that a sink has not been told of yet.",
            ("sink",), registry=r,
        )  # fmt: skip
        self.delivery_oldest = Gauge(
            "handraise_delivery_oldest_waiting_seconds",
            "Age of the oldest of them.",
            ("sink",), registry=r,
        )  # fmt: skip
        self.crm_read = Counter(
            "handraise_crm_read_total",
            "What was read from a CRM: owners, companies, leads that changed.",
            ("sink", "stream"), registry=r,
        )  # fmt: skip
        self.crm_read_ends = Counter(
            "handraise_crm_read_ends_total",
            "Readings of a CRM that reached the end.",
            ("sink", "stream"), registry=r,
        )  # fmt: skip
        self.crm_halts = Counter(
            "handraise_crm_halts_total",
            "Readings of a CRM that stopped before the end; they go on where they stopped.",
            ("sink", "stream"), registry=r,
        )  # fmt: skip
        self.crm_read_age = Gauge(
            "handraise_crm_read_age_seconds",
            "Since a CRM was last read to the end.",
            ("sink", "stream"), registry=r,
        )  # fmt: skip
        self.crm_read_period = Gauge(
            "handraise_crm_read_period_seconds",
            "How often a CRM is to be read.",
            ("sink",), registry=r,
        )  # fmt: skip
        self.crm_changes = Counter(
            "handraise_crm_owner_changes_total",
            "Owners that people changed in a CRM: asked of routing, or why they could not be.",
            ("sink", "outcome"), registry=r,
        )  # fmt: skip
        self.sink_stopped = Gauge(
            "handraise_sink_stopped",
            "1 while a sink is paused, out of order or not configured.",
            ("sink",), registry=r,
        )  # fmt: skip
        self.enrichment_jobs = Gauge(
            "handraise_enrichment_jobs", "Leads waiting for a provider.", (), registry=r
        )
        self.provider_calls = Counter(
            "handraise_provider_calls_total", "Calls to enrichment providers by outcome.",
            ("provider", "outcome"), registry=r,
        )  # fmt: skip
        self.disqualifications = Counter(
            "handraise_disqualifications_total",
            "Leads that sales gave up, by the reason's id; unlisted: not of qualification.yaml.",
            ("reason",), registry=r,
        )  # fmt: skip
        self.drip_waiting = Gauge(
            "handraise_drip_waiting",
            "Prospects who wait for a turn of their pool's daily drip.",
            ("pool",), registry=r,
        )  # fmt: skip
        self.holds = Gauge("handraise_holds", "Leads that wait for a rep.", ("pool",), registry=r)
        self.oldest_hold = Gauge(
            "handraise_oldest_hold_seconds", "Age of the oldest hold.", ("pool",), registry=r
        )
        self.stranded = Gauge(
            "handraise_stranded_leads",
            "Leads that wait for something which will not come, at the last look; 0 is the proof "
            "that none does.",
            ("reason",), registry=r,
        )  # fmt: skip
        # -- response --------------------------------------------------------------------------
        self.speed_to_lead = Histogram(
            "handraise_speed_to_lead_seconds",
            "From the receipt of a hand-raise to the first human touch.",
            ("tier",), buckets=_ANSWER, registry=r,
        )  # fmt: skip
        self.time_to_accept = Histogram(
            "handraise_time_to_accept_seconds",
            "From the assignment to the rep's accept.",
            ("tier",), buckets=_ANSWER, registry=r,
        )  # fmt: skip
        self.hot_leads = Counter(
            "handraise_hot_leads_five_minutes_total",
            "Hot hand-raises whose five minutes have passed: touched within them, or untouched. "
            "told_late: of the untouched, a touch in time that was told only afterwards.",
            ("outcome",), registry=r,
        )  # fmt: skip
        self.oldest_untouched_hot = Gauge(
            "handraise_oldest_untouched_hot_lead_seconds",
            "How long the hot hand-raise has waited that nobody touched and that is the oldest.",
            (), registry=r,
        )  # fmt: skip
        self.reminders = Counter(
            "handraise_reminders_total", "Reps reminded of a lead.", ("tier",), registry=r
        )
        self.breaches = Counter(
            "handraise_breaches_total", "Leads that their rep did not touch in time.",
            ("tier",), registry=r,
        )  # fmt: skip
        self.hops = Counter(
            "handraise_hops_total",
            "Leads taken from their rep, by reason: acceptance, breach, escalation (to the "
            "manager) or team (its channel was told).",
            ("reason",), registry=r,
        )  # fmt: skip
        self.clocks_running = Gauge(
            "handraise_clocks_running", "Clocks that run.", ("kind",), registry=r
        )
        self.clocks_suspended = Gauge(
            "handraise_clocks_suspended",
            "Clocks whose time is up and that wait, as the touch feed is silent.",
            (), registry=r,
        )  # fmt: skip
        self.clock_lateness = Histogram(
            "handraise_clock_lateness_seconds",
            "From a clock's deadline until it fired.",
            (), buckets=_LATE, registry=r,
        )  # fmt: skip
        self.feed_age = Gauge(
            "handraise_feed_age_seconds",
            "Since the newest activity happened that CRM and SDR tools told of.",
            (), registry=r,
        )  # fmt: skip
        self.cadence_paused = Gauge(
            "handraise_cadence_paused",
            "1 while a touch plan waits for a person: too much of its mail bounced.",
            ("plan",), registry=r,
        )  # fmt: skip
        self.activities_unmatched = Gauge(
            "handraise_activities_unmatched",
            "Activities about nobody known: waiting for their lead, or given up after a day.",
            (), registry=r,
        )  # fmt: skip
        self.config_version = Gauge(
            "handraise_config_info", "1 for the configuration version in use.",
            ("version",), registry=r,
        )  # fmt: skip
        self.loop_lag = Gauge(
            "handraise_event_loop_lag_seconds", "How late the event loop woke up, at worst.",
            (), registry=r,
        )  # fmt: skip

    async def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type; rendered off the event loop."""
        if "application/openmetrics-text" in accept:
            return await asyncio.to_thread(generate_openmetrics, self.registry), CONTENT_TYPE_LATEST
        body = await asyncio.to_thread(generate_latest, self.registry)
        return body, "text/plain; version=0.0.4; charset=utf-8"
