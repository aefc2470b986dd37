"""People, deliveries, touches, quarantine and the spool."""

from __future__ import annotations

from alembic import op

from services.runtime import outbox

revision = "0001"
down_revision = None

DDL = """
-- What was delivered once: the memory by which a repeat is recognised.
create sequence capture.delivery_order;
create table capture.deliveries (
    source text not null,
    delivery_key text not null,
    submission_id uuid not null,
    body_sha256 text not null,
    received_at timestamptz not null,
    expires_at timestamptz not null,
    -- in the order of storing, so that every process can follow what the others stored
    stored bigint not null default nextval('capture.delivery_order'),
    primary key (source, delivery_key)
);
create index deliveries_in_order on capture.deliveries (stored);

-- A mailbox, a phone or a source's own id, as a keyed hash: no address is stored here.
create table capture.identities (
    token uuid primary key,
    lead_id uuid not null,
    since timestamptz not null,
    email_token uuid,
    shared boolean not null default false
);
create index identities_by_lead on capture.identities (lead_id);

create table capture.leads (
    lead_id uuid primary key,
    account_key text not null,
    touches integer not null,
    first_received_at timestamptz not null,
    last_received_at timestamptz not null
);

create table capture.touches (
    submission_id uuid primary key,
    lead_id uuid not null,
    touch integer not null,
    repeat text not null,
    source text not null,
    form_id text,
    kind text not null,
    motion text not null,
    channel text not null,
    lane text not null,
    submitted_at timestamptz not null,
    received_at timestamptz not null,
    decided_at timestamptz not null default now()
);
create index touches_by_lead on capture.touches (lead_id, submitted_at);

create table capture.quarantine (
    quarantine_id uuid primary key,
    submission_id uuid,
    source text not null,
    disposition text not null check (disposition in ('quarantined', 'rejected')),
    reason text not null,
    detail text not null,
    -- the whole SubmissionReceived, bytes of the request included
    submission bytea not null,
    received_at timestamptz not null,
    created_at timestamptz not null default now(),
    -- null: kept until the retention of submissions ends
    expires_at timestamptz,
    released_at timestamptz,
    released_by text
);
create index quarantine_by_age on capture.quarantine (created_at);
create index quarantine_unverified on capture.quarantine (source, created_at)
    where submission_id is null;

-- Accepted, and not (or, with the in-process broker, not certainly) on the bus yet.
create table capture.spool (
    id bigint generated always as identity primary key,
    submission_id uuid not null unique,
    lane text not null check (lane in ('live', 'bulk')),
    topic text not null,
    key bytea not null,
    value bytea not null,
    headers jsonb not null,
    slot integer not null,
    size integer not null,
    stored_at timestamptz not null default now(),
    attempts integer not null default 0,
    due_at timestamptz not null,
    ended_at timestamptz
);
create index spool_due on capture.spool (lane, id) where ended_at is null;

-- For `explain`: what a lead's submissions were. Read by cli and pipeline, written by nobody.
create view capture.story as
    select t.lead_id, l.account_key, t.submission_id, t.touch, t.repeat, t.source, t.form_id,
           t.kind, t.motion, t.channel, t.lane, t.submitted_at, t.received_at, t.decided_at,
           l.touches, l.first_received_at
    from capture.touches t join capture.leads l using (lead_id);

-- Which lead an identifier stands for now; the token is what the identifier alone hashes to.
create view capture.identity as
    select token, lead_id, since, shared from capture.identities;
"""


def upgrade() -> None:
    op.execute(DDL)
    op.execute(outbox.tables("capture"))
